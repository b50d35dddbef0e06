// Rounding and saturation of one column: from an exact sum to a word of WO bits.
//
//   sum    z = ssss...siiiiiiii.ffffffffffffff        DROP bits lie below the cut
//   add    R                    rrrrrrrrrrrrrr        R: the leading DROP bits of the LFSR
//   drop   kept = floor((z + R) / 2^DROP)
//   test   the excess bits of kept, sign bit of the result included, are all 0 or all 1;
//          if not, the result is the largest or smallest word by the sign of kept
//
// With SR = 0 there is no LFSR and R = 2^(DROP-1) - 1: nearest, ties toward minus infinity.
module round_unit #(
    parameter int          WACC = 48,
    parameter int          DROP = 14,   // 0 .. 32, at most LFSR_W when SR = 1
    parameter int          WO = 16,
    parameter int          SR = 1,
    parameter int          LFSR_W = 32,
    parameter logic [63:0] LFSR_TAPS = 64'h80000057,
    parameter int          LFSR_STEPS = 32
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   ce,
    input  logic                   valid_in,
    input  logic signed [WACC-1:0] z,
    input  logic [LFSR_W-1:0]      seed,
    output logic                   valid_out,
    output logic signed [WO-1:0]   y
);
    logic [WACC-1:0] addend;

    generate
        if (DROP > 0 && SR != 0) begin : g_stochastic
            logic [LFSR_W-1:0] word;
            lfsr #(.W(LFSR_W), .TAPS(LFSR_TAPS), .STEPS(LFSR_STEPS)) u_lfsr (
                .clk, .rst, .take(ce && valid_in), .seed, .word
            );
            assign addend = WACC'(word[LFSR_W-1 -: DROP]);
            if (DROP < LFSR_W) begin : g_unread
                logic unused;
                assign unused = &{1'b0, word[LFSR_W-DROP-1:0]};
            end
        end else begin : g_constant
            assign addend = DROP > 1 ? (WACC'(1) << (DROP - 1)) - WACC'(1) : '0;
            logic unused;
            assign unused = &{1'b0, seed};
        end
    endgenerate

    logic [WACC-1:0]         sum;
    logic signed [WACC-1:0]  kept;
    logic [WACC-WO:0]        excess;
    logic                    fits;

    assign sum    = z + addend;
    assign kept   = $signed(sum) >>> DROP;
    assign excess = kept[WACC-1:WO-1];
    assign fits   = &excess || ~|excess;

    always_ff @(posedge clk)
        if (rst) valid_out <= 1'b0;
        else if (ce) valid_out <= valid_in;

    always_ff @(posedge clk)
        if (ce) y <= fits ? kept[WO-1:0] : {kept[WACC-1], {(WO-1){~kept[WACC-1]}}};
endmodule
