// Thread variables: macOS finds one through a function in its descriptor, which dyld sets.
#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "macho.h"

namespace macho {
namespace {

/// The initial values of an image's thread variables, and the key of each thread's copy.
struct Template {
    pthread_key_t key;
    std::vector<std::uint8_t> bytes;
};

struct ThreadVariable {
    void* (*function)(ThreadVariable*);
    const Template* values;
    std::uint64_t offset;
};

std::deque<Template> templates;

}  // namespace

extern "C" void* macho_thread_variable(ThreadVariable* variable) {
    const auto& [key, bytes] = *variable->values;
    auto* block = static_cast<std::uint8_t*>(pthread_getspecific(key));
    if (block == nullptr) {
        block = static_cast<std::uint8_t*>(std::aligned_alloc(64, (bytes.size() + 63) / 64 * 64));
        std::memcpy(block, bytes.data(), bytes.size());
        pthread_setspecific(key, block);
    }
    return block + variable->offset;
}

// The compiler relies on it to keep every register but x0, x16 and x17.
extern "C" void* macho_thread_thunk(ThreadVariable*);
__asm__(R"(
    .text
    .p2align 2
    .globl macho_thread_thunk
macho_thread_thunk:
    stp x29, x30, [sp, #-160]!
    mov x29, sp
    stp x1, x2, [sp, #16]
    stp x3, x4, [sp, #32]
    stp x5, x6, [sp, #48]
    stp x7, x8, [sp, #64]
    stp x9, x10, [sp, #80]
    stp x11, x12, [sp, #96]
    stp x13, x14, [sp, #112]
    stp x15, x18, [sp, #128]
    sub sp, sp, #512
    stp q0, q1, [sp]
    stp q2, q3, [sp, #32]
    stp q4, q5, [sp, #64]
    stp q6, q7, [sp, #96]
    stp q8, q9, [sp, #128]
    stp q10, q11, [sp, #160]
    stp q12, q13, [sp, #192]
    stp q14, q15, [sp, #224]
    stp q16, q17, [sp, #256]
    stp q18, q19, [sp, #288]
    stp q20, q21, [sp, #320]
    stp q22, q23, [sp, #352]
    stp q24, q25, [sp, #384]
    stp q26, q27, [sp, #416]
    stp q28, q29, [sp, #448]
    stp q30, q31, [sp, #480]
    bl macho_thread_variable
    ldp q0, q1, [sp]
    ldp q2, q3, [sp, #32]
    ldp q4, q5, [sp, #64]
    ldp q6, q7, [sp, #96]
    ldp q8, q9, [sp, #128]
    ldp q10, q11, [sp, #160]
    ldp q12, q13, [sp, #192]
    ldp q14, q15, [sp, #224]
    ldp q16, q17, [sp, #256]
    ldp q18, q19, [sp, #288]
    ldp q20, q21, [sp, #320]
    ldp q22, q23, [sp, #352]
    ldp q24, q25, [sp, #384]
    ldp q26, q27, [sp, #416]
    ldp q28, q29, [sp, #448]
    ldp q30, q31, [sp, #480]
    add sp, sp, #512
    ldp x1, x2, [sp, #16]
    ldp x3, x4, [sp, #32]
    ldp x5, x6, [sp, #48]
    ldp x7, x8, [sp, #64]
    ldp x9, x10, [sp, #80]
    ldp x11, x12, [sp, #96]
    ldp x13, x14, [sp, #112]
    ldp x15, x18, [sp, #128]
    ldp x29, x30, [sp], #160
    ret
)");

void prepare_thread_variables(const Image& image) {
    std::uint64_t begin = ~std::uint64_t{0}, end = 0;
    for (const Section& section : image.sections) {
        if (section.kind() != kThreadData && section.kind() != kThreadZeros) continue;
        begin = std::min(begin, section.address);
        end = std::max(end, section.address + section.size);
    }
    if (end == 0) return;
    Template& values = templates.emplace_back();
    pthread_key_create(&values.key, nullptr);
    values.bytes.resize(end - begin);
    for (const Section& section : image.sections) {
        std::uint8_t* const first = image.at(section.address);
        if (section.kind() == kThreadData)
            std::memcpy(values.bytes.data() + (section.address - begin), first, section.size);
        if (section.kind() != kThreadVariables) continue;
        auto* const variables = reinterpret_cast<ThreadVariable*>(first);
        for (std::uint64_t i = 0; i < section.size / sizeof(ThreadVariable); ++i) {
            variables[i].function = macho_thread_thunk;
            variables[i].values = &values;
        }
    }
}

}  // namespace macho
