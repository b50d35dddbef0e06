// The N x N wavefront array with its drain chains and one rounding unit per column.
//
//            b[0]    b[1]    b[2]
//             v       v       v
//   a[0] -> cell -> cell -> cell       row i receives its words i cycles after row 0,
//             v       v       v        column j receives its words j cycles after column 0
//   a[1] -> cell -> cell -> cell
//             v       v       v
//   a[2] -> cell -> cell -> cell
//             |       |       |        finished sums move down, bottom row first
//           round   round   round
//             |       |       |
//            y[0]    y[1]    y[2]
//
// The sums of a column are complete one cycle after another, top row first. They wait in the local
// registers until the bottom one is there, then move down for N cycles. Row i passes on the i sums
// from above it and is free again before the next tile's sum reaches it, provided that the last
// pairs of two tiles enter at least N cycles apart; the caller sees to that.
//
// `drain[j]` says which registers of column j move: bit N is the rounding unit's, bit i row i's.
// After d cycles the bits above d are set, so the pattern is a shift register itself.
module systolic_array #(
    parameter int          N = 4,
    parameter int          WA = 16,
    parameter int          WB = 16,
    parameter int          WACC = 48,
    parameter int          DROP = 14,
    parameter int          WO = 16,
    parameter int          SR = 1,
    parameter int          LFSR_W = 32,
    parameter logic [63:0] LFSR_TAPS = 64'h80000057,
    parameter int          LFSR_STEPS = 32
) (
    input  logic                clk,
    input  logic                rst,
    input  logic                ce,
    input  logic [N*WA-1:0]     a,       // row i in bits i*WA and up
    input  logic [N-1:0]        last,    // of each row
    input  logic [N*WB-1:0]     b,       // column j in bits j*WB and up
    input  logic [N*LFSR_W-1:0] seeds,   // taken while rst is high
    output logic [N-1:0]        valid,   // of each column
    output logic [N*WO-1:0]     y,
    output logic                done     // the last cell has completed its sum
);
    // Flat vectors: cell (i, j) reads position i*(N+1)+j on its left, i*N+j above it.
    logic [N*(N+1)*WA-1:0]   a_wire;
    logic [N*(N+1)-1:0]      last_wire;
    logic [(N+1)*N*WB-1:0]   b_wire;
    logic [(N+1)*N*WACC-1:0] result_wire;
    logic [N*N-1:0]          complete;   // cell (i, j) has completed a sum in the cycle before

    assign b_wire[0 +: N*WB] = b;
    assign result_wire[0 +: N*WACC] = '0;
    assign done = complete[N*N-1];

    // The right and lower edges have no neighbour.
    logic unused;
    assign unused = &{1'b0, a_wire, b_wire, last_wire};

    for (genvar i = 0; i < N; i++) begin : g_row
        assign a_wire[i*(N+1)*WA +: WA] = a[i*WA +: WA];
        assign last_wire[i*(N+1)] = last[i];
        for (genvar j = 0; j < N; j++) begin : g_cell
            logic shift;
            if (i == 0) begin : g_top
                assign shift = 1'b0;
            end else begin : g_below
                assign shift = g_column[j].drain[i];
            end
            mac_cell #(.WA(WA), .WB(WB), .WACC(WACC)) u_cell (
                .clk, .rst, .ce,
                .a_in      (a_wire[(i*(N+1)+j)*WA +: WA]),
                .last_in   (last_wire[i*(N+1)+j]),
                .b_in      (b_wire[(i*N+j)*WB +: WB]),
                .shift     (shift),
                .result_in (result_wire[(i*N+j)*WACC +: WACC]),
                .a_out     (a_wire[(i*(N+1)+j+1)*WA +: WA]),
                .last_out  (last_wire[i*(N+1)+j+1]),
                .b_out     (b_wire[((i+1)*N+j)*WB +: WB]),
                .result_out(result_wire[((i+1)*N+j)*WACC +: WACC])
            );
            assign complete[i*N+j] = last_wire[i*(N+1)+j+1];
        end
    end

    for (genvar j = 0; j < N; j++) begin : g_column
        logic [N:1] drain;
        always_ff @(posedge clk)
            if (rst) drain <= '0;
            else if (ce) drain <= complete[(N-1)*N+j] ? '1 : drain << 1;

        round_unit #(
            .WACC(WACC), .DROP(DROP), .WO(WO), .SR(SR),
            .LFSR_W(LFSR_W), .LFSR_TAPS(LFSR_TAPS), .LFSR_STEPS(LFSR_STEPS)
        ) u_round (
            .clk, .rst, .ce,
            .valid_in (drain[N]),
            .z        (result_wire[(N*N+j)*WACC +: WACC]),
            .seed     (seeds[j*LFSR_W +: LFSR_W]),
            .valid_out(valid[j]),
            .y        (y[j*WO +: WO])
        );
    end
endmodule
