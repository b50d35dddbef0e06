// The array between its edge FIFOs and its output FIFOs, with stall and back-pressure.
//
//   push: one beat (a column of A and a row of B, N words each) enters all edge FIFOs at once.
//   issue: row 0 and column 0 take their words of a beat; row i and column i take theirs i cycles
//          later. When row 0 has no word a bubble (0, 0) enters instead and the wave moves on.
//          The last beat of a tile waits until N cycles after the last beat of the tile before, or
//          the drain of the one would run into the other.
//   back-pressure: while an output FIFO is full and its rounding unit holds a word, everything
//          between the FIFOs stands still.
//
// A beat stays in the FIFO of row N-1 for N cycles, so DEPTH > N keeps the array busy.
module accelerator #(
    parameter int          N = 4,
    parameter int          WA = 16,
    parameter int          WB = 16,
    parameter int          WACC = 48,
    parameter int          DROP = 14,
    parameter int          WO = 16,
    parameter int          SR = 1,
    parameter int          LFSR_W = 32,
    parameter logic [63:0] LFSR_TAPS = 64'h80000057,
    parameter int          LFSR_STEPS = 32,
    parameter int          DEPTH = 8,       // of the edge FIFOs
    parameter int          OUT_DEPTH = 8    // of the output FIFOs
) (
    input  logic                clk,
    input  logic                rst,
    input  logic [N*LFSR_W-1:0] seeds,     // taken while rst is high
    input  logic                in_valid,
    output logic                in_ready,
    input  logic [N*WA-1:0]     in_a,      // row i in bits i*WA and up
    input  logic [N*WB-1:0]     in_b,      // column j in bits j*WB and up
    input  logic                in_last,   // the last beat of a tile
    input  logic                out_ready,
    output logic [N-1:0]        out_valid, // per column
    output logic [N*WO-1:0]     out_y,
    output logic                issue,     // a beat leaves the first edge FIFO in this cycle
    output logic                frozen,    // back-pressure
    output logic                done       // the last cell completed its sum in the cycle before
);
    logic             ce;
    logic [N-1:0]     token;               // row i and column i take a beat in this cycle
    logic [N-1:0]     earlier;             // the tokens of the cycle before
    logic [N-1:0]     a_empty, a_full, b_empty, b_full, a_last;
    logic [N*WA-1:0]  a;
    logic [N*WB-1:0]  b;
    logic [N-1:0]     last;

    // All FIFOs are filled together and the last one is emptied last: it alone can be full first.
    assign in_ready = !a_full[N-1];

    logic push;
    assign push = in_valid && in_ready;

    for (genvar i = 0; i < N; i++) begin : g_edge
        logic [WA-1:0] a_head;
        logic [WB-1:0] b_head;
        edge_fifo #(.W(WA + 1), .DEPTH(DEPTH)) u_a (
            .clk, .rst, .push, .tail({in_last, in_a[i*WA +: WA]}), .pop(ce && token[i]),
            .head({a_last[i], a_head}), .empty(a_empty[i]), .full(a_full[i])
        );
        edge_fifo #(.W(WB), .DEPTH(DEPTH)) u_b (
            .clk, .rst, .push, .tail(in_b[i*WB +: WB]), .pop(ce && token[i]),
            .head(b_head), .empty(b_empty[i]), .full(b_full[i])
        );
        assign a[i*WA +: WA] = token[i] ? a_head : '0;
        assign b[i*WB +: WB] = token[i] ? b_head : '0;
        assign last[i] = token[i] && a_last[i];
    end

    // Only the first FIFOs can be empty when their token comes, only the last ones full; the last
    // token has nowhere to go.
    logic unused;
    assign unused = &{1'b0, a_empty, b_empty, a_full, b_full, earlier};

    // `gap` counts the cycles in which no tile may end.
    localparam int GW = N > 1 ? $clog2(N) : 1;
    logic [GW-1:0] gap;
    assign token[0] = !a_empty[0] && !(a_last[0] && gap != 0);
    for (genvar i = 1; i < N; i++) begin : g_token
        assign token[i] = earlier[i-1];
    end
    always_ff @(posedge clk)
        if (rst) earlier <= '0;
        else if (ce) earlier <= token;
    always_ff @(posedge clk)
        if (rst) gap <= '0;
        else if (ce) begin
            if (last[0]) gap <= GW'(N - 1);
            else if (gap != 0) gap <= gap - 1'b1;
        end

    logic [N-1:0]    rounded, out_full, out_empty;
    logic [N*WO-1:0] y;

    assign ce     = ~|(rounded & out_full);
    assign frozen = !ce;
    assign issue  = ce && token[0];
    assign out_valid = ~out_empty;

    logic array_done;
    assign done = ce && array_done;

    systolic_array #(
        .N(N), .WA(WA), .WB(WB), .WACC(WACC), .DROP(DROP), .WO(WO), .SR(SR),
        .LFSR_W(LFSR_W), .LFSR_TAPS(LFSR_TAPS), .LFSR_STEPS(LFSR_STEPS)
    ) u_array (
        .clk, .rst, .ce, .a, .last, .b, .seeds, .valid(rounded), .y, .done(array_done)
    );

    for (genvar j = 0; j < N; j++) begin : g_out
        edge_fifo #(.W(WO), .DEPTH(OUT_DEPTH)) u_out (
            .clk, .rst, .push(ce && rounded[j]), .tail(y[j*WO +: WO]), .pop(out_ready),
            .head(out_y[j*WO +: WO]), .empty(out_empty[j]), .full(out_full[j])
        );
    end
endmodule
