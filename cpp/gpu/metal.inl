// Prelude: Metal, as MLX compiles it.
#define READS(type) const device type*
#define WRITES(type) device type*
#define SHARED(type) threadgroup type*
#define FUNCTION(result) inline result
#define KERNEL(name) inline void name
#define END_KERNEL
#define BARRIER metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup)
