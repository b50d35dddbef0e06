// First-word-fall-through FIFO of DEPTH words: `head` is valid whenever `empty` is low.
module edge_fifo #(
    parameter int W = 16,
    parameter int DEPTH = 32
) (
    input  logic         clk,
    input  logic         rst,
    input  logic         push,   // ignored while full
    input  logic [W-1:0] tail,
    input  logic         pop,    // ignored while empty
    output logic [W-1:0] head,
    output logic         empty,
    output logic         full
);
    localparam int AW = DEPTH > 1 ? $clog2(DEPTH) : 1;
    localparam logic [AW-1:0] LAST = AW'(DEPTH - 1);

    logic [W-1:0]  memory [DEPTH];
    logic [AW-1:0] rd, wr;
    logic [AW:0]   count;
    logic          pushed, popped;

    assign head   = memory[rd];
    assign empty  = count == 0;
    assign full   = count == (AW+1)'(DEPTH);
    assign pushed = push && !full;
    assign popped = pop && !empty;

    always_ff @(posedge clk)
        if (pushed) memory[wr] <= tail;

    always_ff @(posedge clk)
        if (rst) begin
            rd    <= '0;
            wr    <= '0;
            count <= '0;
        end else begin
            if (pushed) wr <= wr == LAST ? '0 : wr + 1'b1;
            if (popped) rd <= rd == LAST ? '0 : rd + 1'b1;
            count <= count + (AW+1)'(pushed) - (AW+1)'(popped);
        end
endmodule
