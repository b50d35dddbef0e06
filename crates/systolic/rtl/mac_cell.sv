// One cell of the array: one multiply, one accumulate, and a local register for the finished sum.
//
//             b_in  last of the column above
//               |        |
//            +--v--------v--------+
//    a_in -->| acc <= acc + a * b |--> a_out      operands reach the neighbours one cycle later
//    last -->| result             |--> last_out
//            +--|--------|--------+
//             b_out   result_out
//
// `last_in` marks the last pair of an inner product. In the cycle after it the sum moves to the
// local register and the accumulator starts again from the next product, so the next tile needs no
// empty cycle. In the other cycles `shift` passes the sum of the cell above down the column.
//
// A pair (0, 0) with last_in = 0 leaves the sum as it is: that is how a bubble travels.
module mac_cell #(
    parameter int WA = 16,    // bits of the operand that moves right
    parameter int WB = 16,    // bits of the operand that moves down
    parameter int WACC = 48   // bits of the accumulator
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   ce,
    input  logic signed [WA-1:0]   a_in,
    input  logic                   last_in,
    input  logic signed [WB-1:0]   b_in,
    input  logic                   shift,
    input  logic signed [WACC-1:0] result_in,
    output logic signed [WA-1:0]   a_out,
    output logic                   last_out,
    output logic signed [WB-1:0]   b_out,
    output logic signed [WACC-1:0] result_out
);
    logic signed [WA+WB-1:0] product;
    logic signed [WACC-1:0]  acc;

    assign product = a_in * b_in;

    always_ff @(posedge clk)
        if (rst) acc <= '0;
        else if (ce) acc <= (last_out ? '0 : acc) + WACC'(product);

    always_ff @(posedge clk)
        if (rst) begin
            a_out    <= '0;
            b_out    <= '0;
            last_out <= 1'b0;
        end else if (ce) begin
            a_out    <= a_in;
            b_out    <= b_in;
            last_out <= last_in;
        end

    // Not reset: a value counts only once a sum was moved here.
    always_ff @(posedge clk)
        if (ce) begin
            if (last_out) result_out <= acc;
            else if (shift) result_out <= result_in;
        end
endmodule
