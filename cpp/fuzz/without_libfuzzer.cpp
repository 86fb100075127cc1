// Runs a fuzz target without libFuzzer, on files or on generated inputs, so that every build compiles and runs it.
//     fuzz_resize [FILE...]        SACCADE_FUZZ_ROUNDS: number of generated inputs, default 2000
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
    const char* text = std::getenv("SACCADE_FUZZ_ROUNDS");
    const long rounds = text != nullptr ? std::atol(text) : 2000;
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
