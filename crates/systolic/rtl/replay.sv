// Test bench for simulators without C++: replays one run from a file of decimal numbers.
//
//   beats, results to wait for, most edges, length of the flow
//   seed of each column
//   per cycle of the flow: 1 to offer a beat + 2 to take outputs
//   per beat: a of each row, b of each column, last
//
// Per edge it prints "e" and the sum of 1 accepted + 2 issued + 4 frozen + 8 done; per word taken
// "r", edge, column and code.
module replay;
    parameter int          N = 4;
    parameter int          WA = 16;
    parameter int          WB = 16;
    parameter int          WACC = 48;
    parameter int          DROP = 14;
    parameter int          WO = 16;
    parameter int          SR = 1;
    parameter int          LFSR_W = 32;
    parameter logic [63:0] LFSR_TAPS = 64'h80000057;
    parameter int          LFSR_STEPS = 32;
    parameter int          DEPTH = 8;
    parameter int          OUT_DEPTH = 8;

    logic                clk = 0, rst = 1;
    logic [N*LFSR_W-1:0] seeds;
    logic                in_valid = 0, in_ready, in_last = 0;
    logic [N*WA-1:0]     in_a = '0;
    logic [N*WB-1:0]     in_b = '0;
    logic                out_ready = 0;
    logic [N-1:0]        out_valid;
    logic [N*WO-1:0]     out_y;
    logic                issue, frozen, done;

    accelerator #(
        .N(N), .WA(WA), .WB(WB), .WACC(WACC), .DROP(DROP), .WO(WO), .SR(SR), .LFSR_W(LFSR_W),
        .LFSR_TAPS(LFSR_TAPS), .LFSR_STEPS(LFSR_STEPS), .DEPTH(DEPTH), .OUT_DEPTH(OUT_DEPTH)
    ) u_accelerator (
        .clk, .rst, .seeds, .in_valid, .in_ready, .in_a, .in_b, .in_last,
        .out_ready, .out_valid, .out_y, .issue, .frozen, .done
    );

    int     file, beats, results, most_edges, flow_length, status;
    int     edges, received, next, word;
    longint number;
    logic   have_beat;
    logic [1:0]           flow [65536];
    logic signed [WO-1:0] code;
    string                path;

    task edge_now;
        #1 clk = 1;
        #1 clk = 0;
    endtask

    // The next beat of the file stands ready in the input registers.
    task load_beat;
        have_beat = next < beats;
        if (have_beat) begin
            for (int i = 0; i < N; i++) begin
                status = $fscanf(file, "%d", word);
                in_a[i*WA +: WA] = word[WA-1:0];
            end
            for (int j = 0; j < N; j++) begin
                status = $fscanf(file, "%d", word);
                in_b[j*WB +: WB] = word[WB-1:0];
            end
            status = $fscanf(file, "%d", word);
            in_last = word[0];
            next = next + 1;
        end
    endtask

    initial begin
        if (!$value$plusargs("run=%s", path)) $finish;
        file = $fopen(path, "r");
        status = $fscanf(file, "%d %d %d %d", beats, results, most_edges, flow_length);
        for (int j = 0; j < N; j++) begin
            status = $fscanf(file, "%d", number);
            seeds[j*LFSR_W +: LFSR_W] = number[LFSR_W-1:0];
        end
        for (int c = 0; c < flow_length; c++) begin
            status = $fscanf(file, "%d", word);
            flow[c] = word[1:0];
        end
        edges = 0;
        received = 0;
        next = 0;
        load_beat;
        edge_now;
        edge_now;
        rst = 0;
        while (received < results && edges < most_edges) begin
            in_valid = flow[edges % flow_length][0] && have_beat;
            out_ready = flow[edges % flow_length][1];
            #1;
            $display("e %0d", (in_valid && in_ready) + 2 * issue + 4 * frozen + 8 * done);
            for (int j = 0; j < N; j++)
                if (out_ready && out_valid[j]) begin
                    code = out_y[j*WO +: WO];
                    $display("r %0d %0d %0d", edges, j, code);
                    received = received + 1;
                end
            edges = edges + 1;
            if (in_valid && in_ready) begin
                edge_now;
                load_beat;
            end else edge_now;
        end
        $finish;
    end
endmodule
