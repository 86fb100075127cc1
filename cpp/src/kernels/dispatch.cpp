// Selection of the kernel: once per process, by the CPU or SACCADE_KERNEL, or by a thread for itself.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "../errors.h"
#include "kernel.h"

namespace saccade {
namespace {

// Fastest first.
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

/// Returns the kernel `name`. Throws InputError about `who` if this build or CPU lacks it.
const Kernel& named(const char* name, const char* who) {
    for (const Kernel* kernel : kKernels) {
        if (std::strcmp(kernel->name, name) == 0 && kernel->supported()) return *kernel;
    }
    reject(who, ": expected a kernel of this build and CPU (", available_kernels(), "); got ", quoted(name));
}

// Values that are computed once are cached in atomics; two first threads may both compute them. A static with a dynamic
// initializer has a lock, which a fork at that moment would leave locked in the child.

const Kernel& best_for_process() {
    const char* name = std::getenv("SACCADE_KERNEL");
    if (name != nullptr && *name != '\0') return named(name, "SACCADE_KERNEL");
    for (const Kernel* kernel : kKernels) {
        if (kernel->supported()) return *kernel;
    }
    return kScalarKernel;
}

const Kernel& for_process() {
    constinit static std::atomic<const Kernel*> cached{nullptr};
    const Kernel* kernel = cached.load(std::memory_order_relaxed);
    // Throws if SACCADE_KERNEL is wrong. Nothing is cached then, so the next call reads it again.
    if (kernel == nullptr) cached.store(kernel = &best_for_process(), std::memory_order_relaxed);
    return *kernel;
}

thread_local const Kernel* of_thread = nullptr;
thread_local const char* last = nullptr;

}  // namespace

const Kernel& selected_kernel() { return of_thread != nullptr ? *of_thread : for_process(); }

void select_kernel(const char* name) { of_thread = name == nullptr ? nullptr : &named(name, "kernel"); }

const char* last_kernel() { return last; }

void note_last_kernel(const Kernel& kernel) { last = kernel.name; }

const std::string& available_kernels() {
    constinit static std::atomic<const std::string*> cached{nullptr};
    if (const std::string* names = cached.load(std::memory_order_acquire); names != nullptr) return *names;
    auto names = std::make_unique<std::string>();
    for (const Kernel* kernel : kKernels) {
        if (!kernel->supported()) continue;
        if (!names->empty()) *names += ' ';
        *names += kernel->name;
    }
    const std::string* first = nullptr;
    // Never deleted: callers keep pointers to it.
    if (cached.compare_exchange_strong(first, names.get(), std::memory_order_acq_rel)) first = names.release();
    return *first;
}

}  // namespace saccade
