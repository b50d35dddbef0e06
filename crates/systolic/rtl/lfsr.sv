// Fibonacci linear feedback shift register that makes STEPS steps for each word that is used.
//
//   one step:  feedback = XOR of the tapped bits;  state = {state[W-2:0], feedback}
//
// TAPS has bit t-1 set for every power t of the feedback polynomial. While `rst` is high the
// register takes the seed, already advanced by the first word's steps, so that `word` is always
// read straight from the register.
module lfsr #(
    parameter int          W = 32,
    parameter logic [63:0] TAPS = 64'h80000057,
    parameter int          STEPS = 32
) (
    input  logic         clk,
    input  logic         rst,
    input  logic         take,   // the present word is used: go on to the next one
    input  logic [W-1:0] seed,
    output logic [W-1:0] word
);
    function automatic logic [W-1:0] advance(input logic [W-1:0] from);
        advance = from;
        for (int i = 0; i < STEPS; i++)
            advance = {advance[W-2:0], ^(advance & TAPS[W-1:0])};
    endfunction

    always_ff @(posedge clk)
        if (rst || take) word <= advance(rst ? seed : word);
endmodule
