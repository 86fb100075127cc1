// Stands in for Metal's compiler where there is none: clang checks the text that MLX would hand to Metal. Pointers
// carry their address space, so mixing two is an error. What Metal lacks is not declared, or poisoned.
#pragma once

#define device __attribute__((address_space(1)))
#define constant __attribute__((address_space(2)))
#define threadgroup __attribute__((address_space(3)))
#define thread __attribute__((address_space(4)))  // so that no variable has this name

typedef unsigned char uchar;
typedef unsigned char uint8_t;
typedef int int32_t;
typedef unsigned int uint;

struct uint3 {
    uint x, y, z;
};

namespace metal {
enum class mem_flags { mem_none, mem_device, mem_threadgroup };
void threadgroup_barrier(mem_flags);

// Atomics of 32 bits only.
template <typename T>
struct atomic;
template <>
struct atomic<int> {};
template <>
struct atomic<uint> {};
typedef atomic<int> atomic_int;
typedef atomic<uint> atomic_uint;
enum memory_order { memory_order_relaxed };
int atomic_fetch_add_explicit(volatile device atomic_int*, int, memory_order);
uint atomic_fetch_add_explicit(volatile device atomic_uint*, uint, memory_order);
}  // namespace metal
using namespace metal;

#pragma clang poison double malloc new delete throw try virtual goto

// Words of Metal that C++ takes as names.
#pragma clang poison half kernel vertex fragment visible sampler texture imageblock ray_data object_data access
