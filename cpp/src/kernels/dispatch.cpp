// Which kernel runs: chosen once for the process, by the CPU or by SACCADE_KERNEL, or by a thread for itself.
#include <cstdlib>
#include <cstring>

#include "../errors.h"
#include "kernel.h"

namespace saccade {
namespace {

// Best first.
constexpr const Kernel* kKernels[] = {
#if defined(__x86_64__)
    &kAvx512Kernel,
    &kAvx512BwKernel,
    &kAvx2Kernel,
#elif defined(__aarch64__)
    &kNeonI8mmKernel,
    &kNeonDotprodKernel,
    &kNeonKernel,
#endif
    &kScalarKernel,
};

const Kernel& named(const char* name, const char* who) {
    for (const Kernel* kernel : kKernels) {
        if (std::strcmp(kernel->name, name) == 0 && kernel->supported()) return *kernel;
    }
    reject(who, " is ", quoted(name), ", a kernel that this build or CPU does not have; it has: ", available_kernels());
}

const Kernel& for_process() {
    // Where SACCADE_KERNEL is wrong, this throws, and the next call reads it again.
    static const Kernel& chosen = []() -> const Kernel& {
        const char* name = std::getenv("SACCADE_KERNEL");
        if (name != nullptr && *name != '\0') return named(name, "SACCADE_KERNEL");
        for (const Kernel* kernel : kKernels) {
            if (kernel->supported()) return *kernel;
        }
        return kScalarKernel;
    }();
    return chosen;
}

thread_local const Kernel* of_thread = nullptr;
thread_local const char* last = nullptr;

}  // namespace

const Kernel& selected_kernel() { return of_thread != nullptr ? *of_thread : for_process(); }

void select_kernel(const char* name) { of_thread = name == nullptr ? nullptr : &named(name, "kernel"); }

const char* last_kernel() { return last; }

void note_last_kernel(const Kernel& kernel) { last = kernel.name; }

const std::string& available_kernels() {
    static const std::string names = [] {
        std::string list;
        for (const Kernel* kernel : kKernels) {
            if (!kernel->supported()) continue;
            if (!list.empty()) list += ' ';
            list += kernel->name;
        }
        return list;
    }();
    return names;
}

}  // namespace saccade
