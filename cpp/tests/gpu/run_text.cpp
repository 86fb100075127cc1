// Runs the GPU kernels on the CPU, for tests in Python. Reads requests from the standard input until its end:
//
//     KERNEL SEED GROUPS INPUTS OUTPUTS SIZES..      one line: words, and the bytes of each input and output
//     the bytes of all inputs
//
// and answers each with "ok" in a line and the bytes of all outputs, or with a line that says what is wrong. SEED: the
// order of groups and threads, 0 forward, 1 backward, others shuffled.
#include <cstdint>
#include <cstring>
#include <iostream>
#include <sstream>
#include <utility>

#include "../../gpu/cpp.inl"

namespace {

#include "../../gpu/integers.inl"
#include "../../gpu/windows.inl"

#include "../../gpu/resize_patchify.inl"
#include "../../gpu/vision_positions.inl"
#include "../../gpu/window_index.inl"

using Bytes = std::vector<uchar>;

struct Request {
    std::string kernel;
    uint seed = 0;
    int groups = 0;
    std::vector<Bytes> inputs;
    std::vector<std::size_t> outputs;  // bytes
};

template <typename T>
std::vector<T> values_of(const Bytes& bytes) {
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
}

template <typename T>
void append(Bytes& bytes, const OutputMemory<T>& output) {
    output.check_written();
    const auto* first = reinterpret_cast<const uchar*>(output.values.data());
    bytes.insert(bytes.end(), first, first + output.values.size() * sizeof(T));
}

Bytes run_resize_patchify(const Request& request) {
    const Bytes& source = request.inputs[0];
    const auto plans = values_of<int>(request.inputs[1]), weights = values_of<int>(request.inputs[2]);
    OutputMemory<uchar> patches(request.outputs[0]);
    run_groups<uchar>(
        request.groups, THREADS, SHARED_BYTES, Order(request.seed), [&](Shared<uchar> strip, uint group, uint thread) {
            return resize_patchify(Reads(source), Reads(plans), Reads(weights), Writes(patches), strip, group, thread);
        });
    Bytes result;
    append(result, patches);
    return result;
}

Bytes run_window_index(const Request& request) {
    const auto grids = values_of<int>(request.inputs[0]);
    OutputMemory<int> index(request.outputs[0] / sizeof(int)), boundaries(request.outputs[1] / sizeof(int));
    run_groups<uchar>(request.groups, THREADS, 0, Order(request.seed), [&](Shared<uchar>, uint group, uint thread) {
        return window_index(Reads(grids), Writes(index), Writes(boundaries), group, thread);
    });
    Bytes result;
    append(result, index);
    append(result, boundaries);
    return result;
}

Bytes run_vision_positions(const Request& request) {
    const auto grids = values_of<int>(request.inputs[0]);
    OutputMemory<int> positions(request.outputs[0] / sizeof(int));
    run_groups<uchar>(request.groups, THREADS, 0, Order(request.seed), [&](Shared<uchar>, uint group, uint thread) {
        return vision_positions(Reads(grids), Writes(positions), group, thread);
    });
    Bytes result;
    append(result, positions);
    return result;
}

Bytes run(const Request& request) {
    if (request.kernel == "resize_patchify") return run_resize_patchify(request);
    if (request.kernel == "window_index") return run_window_index(request);
    if (request.kernel == "vision_positions") return run_vision_positions(request);
    throw std::runtime_error("kernel: got " + request.kernel);
}

Request read_request(const std::string& line) {
    std::istringstream words(line);
    Request request;
    std::size_t inputs = 0, outputs = 0;
    words >> request.kernel >> request.seed >> request.groups >> inputs >> outputs;
    request.inputs.resize(inputs);
    request.outputs.resize(outputs);
    for (Bytes& input : request.inputs) {
        std::size_t size = 0;
        words >> size;
        input.resize(size);
    }
    for (std::size_t& output : request.outputs) words >> output;
    for (Bytes& input : request.inputs) {
        std::cin.read(reinterpret_cast<char*>(input.data()), static_cast<std::streamsize>(input.size()));
    }
    return request;
}

}  // namespace

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        try {
            const Bytes result = run(read_request(line));
            std::cout << "ok\n";
            std::cout.write(reinterpret_cast<const char*>(result.data()), static_cast<std::streamsize>(result.size()));
        } catch (const std::exception& error) {
            std::cout << error.what() << "\n";
        }
        std::cout.flush();
    }
    return 0;
}
