// Runs a fuzz target without libFuzzer: on the files named, or on inputs made from seeds, so that it never rots.
//     fuzz_resize [FILE...]        SACCADE_FUZZ_ROUNDS is the number of made inputs, 2000 unless told
#include <fstream>
#include <iterator>
#include <vector>

#include "input.h"

int main(int count, char** arguments) {
    for (int i = 1; i < count; ++i) {
        std::ifstream file(arguments[i], std::ios::binary);
        const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    }
    if (count > 1) return 0;
    const char* told = std::getenv("SACCADE_FUZZ_ROUNDS");
    const long rounds = told != nullptr ? std::atol(told) : 2000;
    std::uint64_t state = 0x9E3779B97F4A7C15ULL;
    for (long round = 0; round < rounds; ++round) {
        std::vector<std::uint8_t> bytes(static_cast<std::size_t>(round % 160));
        for (auto& byte : bytes) {
            state = state * 6364136223846793005ULL + 1442695040888963407ULL;
            byte = static_cast<std::uint8_t>(state >> 56);
        }
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
    std::printf("%ld inputs\n", rounds);
    return rounds > 0 ? 0 : 1;
}
