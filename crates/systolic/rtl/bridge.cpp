// Runs the simulated accelerator for another process: one run per request, over stdin and stdout.
//
// All numbers are little-endian.
//
//   request:   u32 beats, u32 results to wait for, u32 most edges, u32 length of the flow
//              u64 seed of each column
//              u8  per cycle of the flow, which repeats: bit 0 offer a beat, bit 1 take outputs
//              per beat: i32 a of each row, i32 b of each column, u32 last
//   response:  u32 edges, u8 per edge: bit 0 accepted, 1 issued, 2 frozen, 3 done
//              u32 results, per result: u32 edge, u32 column, i32 code
//
// A run starts with a reset. It ends with the last result, or after the most edges.
#include <cstdint>
#include <cstdio>
#include <vector>

#include "Vaccelerator.h"
#include "verilated.h"

namespace {

uint64_t mask(int width) { return width == 64 ? ~0ull : (1ull << width) - 1; }

// Ports of up to 64 bits are integers, wider ones arrays of 32-bit words.
template <class Port>
void put(Port& port, int low, int width, uint64_t value) {
    uint64_t bits = port;
    bits = (bits & ~(mask(width) << low)) | (value & mask(width)) << low;
    port = static_cast<Port>(bits);
}

template <std::size_t Words>
void put(VlWide<Words>& port, int low, int width, uint64_t value) {
    for (int i = 0; i < width; i++, low++) {
        const uint32_t bit = 1u << (low % 32);
        if (value >> i & 1) port[low / 32] |= bit;
        else port[low / 32] &= ~bit;
    }
}

template <class Port>
int32_t get(const Port& port, int low, int width) {
    return static_cast<int32_t>(static_cast<uint64_t>(port) >> low << (64 - width) >> 32)
        >> (32 - width);
}

template <std::size_t Words>
int32_t get(const VlWide<Words>& port, int low, int width) {
    uint32_t value = 0;
    for (int i = 0; i < width; i++, low++) value |= (port[low / 32] >> (low % 32) & 1) << i;
    return static_cast<int32_t>(value << (32 - width)) >> (32 - width);
}

template <class T>
bool receive(std::vector<T>& values) {
    return values.empty()
        || std::fread(values.data(), sizeof(T), values.size(), stdin) == values.size();
}

template <class T>
void send(const std::vector<T>& values) {
    const uint32_t size = static_cast<uint32_t>(values.size());
    std::fwrite(&size, sizeof size, 1, stdout);
    std::fwrite(values.data(), sizeof(T), values.size(), stdout);
}

struct Result {
    uint32_t edge, column;
    int32_t code;
};

}  // namespace

int main() {
    VerilatedContext context;
    Vaccelerator top{&context};
    const auto edge = [&] {
        top.clk = 1;
        top.eval();
        top.clk = 0;
        top.eval();
    };

    std::vector<uint32_t> header(4);
    while (receive(header)) {
        const uint32_t beats = header[0], results = header[1], most_edges = header[2];
        std::vector<uint64_t> seeds(N);
        std::vector<uint8_t> flow(header[3]);
        std::vector<int32_t> words(std::size_t{beats} * (2 * N + 1));
        if (!receive(seeds) || !receive(flow) || !receive(words)) return 1;

        for (int j = 0; j < N; j++) put(top.seeds, j * LFSR_W, LFSR_W, seeds[j]);
        top.in_valid = 0;
        top.out_ready = 0;
        top.rst = 1;
        edge();
        edge();
        top.rst = 0;

        std::vector<uint8_t> edges;
        std::vector<Result> received;
        uint32_t next = 0;
        while (received.size() < results && edges.size() < most_edges) {
            const uint8_t now = flow[edges.size() % flow.size()];
            top.in_valid = (now & 1) && next < beats;
            if (top.in_valid) {
                const int32_t* beat = &words[std::size_t{next} * (2 * N + 1)];
                for (int i = 0; i < N; i++) {
                    put(top.in_a, i * WA, WA, static_cast<uint32_t>(beat[i]));
                    put(top.in_b, i * WB, WB, static_cast<uint32_t>(beat[N + i]));
                }
                top.in_last = beat[2 * N];
            }
            top.out_ready = now >> 1 & 1;
            top.eval();
            const bool accepted = top.in_valid && top.in_ready;
            next += accepted;
            for (uint32_t j = 0; j < N && top.out_ready; j++)
                if (top.out_valid >> j & 1)
                    received.push_back({static_cast<uint32_t>(edges.size()), j,
                                        get(top.out_y, j * WO, WO)});
            edges.push_back(accepted | top.issue << 1 | top.frozen << 2 | top.done << 3);
            edge();
        }
        send(edges);
        send(received);
        std::fflush(stdout);
    }
    return 0;
}
