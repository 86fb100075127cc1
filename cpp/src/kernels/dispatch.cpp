// Which kernel runs: chosen once for the process, by the CPU or by SACCADE_KERNEL, or by a thread for itself.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>

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

// What is found once is kept in an atomic, and found twice where two threads come first: a static that is not constant
// would be a lock, and a child of a fork in that moment would find it held for ever.

const Kernel& best_for_process() {
    const char* name = std::getenv("SACCADE_KERNEL");
    if (name != nullptr && *name != '\0') return named(name, "SACCADE_KERNEL");
    for (const Kernel* kernel : kKernels) {
        if (kernel->supported()) return *kernel;
    }
    return kScalarKernel;
}

const Kernel& for_process() {
    constinit static std::atomic<const Kernel*> kept{nullptr};
    const Kernel* chosen = kept.load(std::memory_order_relaxed);
    // Where SACCADE_KERNEL is wrong, this throws, and the next call reads it again.
    if (chosen == nullptr) kept.store(chosen = &best_for_process(), std::memory_order_relaxed);
    return *chosen;
}

thread_local const Kernel* of_thread = nullptr;
thread_local const char* last = nullptr;

}  // namespace

const Kernel& selected_kernel() { return of_thread != nullptr ? *of_thread : for_process(); }

void select_kernel(const char* name) { of_thread = name == nullptr ? nullptr : &named(name, "kernel"); }

const char* last_kernel() { return last; }

void note_last_kernel(const Kernel& kernel) { last = kernel.name; }

const std::string& available_kernels() {
    constinit static std::atomic<const std::string*> kept{nullptr};
    if (const std::string* names = kept.load(std::memory_order_acquire); names != nullptr) return *names;
    auto names = std::make_unique<std::string>();
    for (const Kernel* kernel : kKernels) {
        if (!kernel->supported()) continue;
        if (!names->empty()) *names += ' ';
        *names += kernel->name;
    }
    const std::string* first = nullptr;
    // Never deleted: callers hold it.
    if (kept.compare_exchange_strong(first, names.get(), std::memory_order_acq_rel)) first = names.release();
    return *first;
}

}  // namespace saccade
