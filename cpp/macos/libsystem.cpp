// libSystem's stand-ins where glibc's function of the name is another one on AArch64 Linux: variable arguments, which
// macOS always passes on the stack; locales; locks, whose memory looks different; and what Linux has not at all. Where
// macOS is stricter, so are they.
#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <locale.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include <cctype>
#include <climits>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "macho.h"

extern "C" int __cxa_thread_atexit_impl(void (*)(void*), void*, void*);

namespace {

/// A va_list whose arguments all lie on the stack, eight bytes each.
struct Arguments {
    explicit Arguments(void* stack) {
        struct {
            void *stack, *general_top, *vector_top;
            int general, vector;
        } raw{stack, nullptr, nullptr, 0, 0};
        static_assert(sizeof raw == sizeof list);
        std::memcpy(&list, &raw, sizeof raw);
    }
    va_list list;
};

// NAME(fixed, ...) of macOS to NAME_on_stack(fixed, stack pointer): only the address of the arguments has to be added.
#define ON_STACK(name, next) \
    extern "C" void name();  \
    __asm__(".text\n.p2align 2\n.globl " #name "\n" #name ":\n mov " next ", sp\n b " #name "_on_stack\n");

extern "C" {

int mac_printf_on_stack(const char* format, void* stack) { return vprintf(format, Arguments(stack).list); }
int mac_fprintf_on_stack(FILE* file, const char* format, void* stack) {
    return vfprintf(file, format, Arguments(stack).list);
}
int mac_snprintf_on_stack(char* out, size_t size, const char* format, void* stack) {
    return vsnprintf(out, size, format, Arguments(stack).list);
}
int mac_snprintf_l_on_stack(char* out, size_t size, locale_t, const char* format, void* stack) {
    return vsnprintf(out, size, format, Arguments(stack).list);
}
int mac_asprintf_l_on_stack(char** out, locale_t, const char* format, void* stack) {
    return vasprintf(out, format, Arguments(stack).list);
}
int mac_sscanf_on_stack(const char* text, const char* format, void* stack) {
    return vsscanf(text, format, Arguments(stack).list);
}
int mac_swprintf_on_stack(wchar_t* out, size_t size, const wchar_t* format, void* stack) {
    return vswprintf(out, size, format, Arguments(stack).list);
}
int mac_vfprintf(FILE* file, const char* format, void* stack) { return vfprintf(file, format, Arguments(stack).list); }
int mac_vsnprintf(char* out, size_t size, const char* format, void* stack) {
    return vsnprintf(out, size, format, Arguments(stack).list);
}

}  // extern "C"

ON_STACK(mac_printf, "x1")
ON_STACK(mac_fprintf, "x2")
ON_STACK(mac_snprintf, "x3")
ON_STACK(mac_snprintf_l, "x4")
ON_STACK(mac_asprintf_l, "x3")
ON_STACK(mac_sscanf, "x2")
ON_STACK(mac_swprintf, "x3")

// -- locks: macOS marks one that is initialised statically by a number, where glibc has zeros -------------------------

constexpr long kStaticMutex = 0x32aaaba7, kStaticCondition = 0x3cb0b1bb;
pthread_mutex_t initialising = PTHREAD_MUTEX_INITIALIZER;

template <long Mark, std::size_t Size>
void* initialised(void* lock) {
    static_assert(Size <= 56);
    auto* const mark = static_cast<long*>(lock);
    if (__atomic_load_n(mark, __ATOMIC_ACQUIRE) != Mark) return lock;
    pthread_mutex_lock(&initialising);
    if (__atomic_load_n(mark, __ATOMIC_ACQUIRE) == Mark) {
        std::memset(mark + 1, 0, Size - sizeof *mark);
        __atomic_store_n(mark, 0, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&initialising);
    return lock;
}
pthread_mutex_t* mutex(void* lock) {
    return static_cast<pthread_mutex_t*>(initialised<kStaticMutex, sizeof(pthread_mutex_t)>(lock));
}
pthread_cond_t* condition(void* lock) {
    return static_cast<pthread_cond_t*>(initialised<kStaticCondition, sizeof(pthread_cond_t)>(lock));
}

int mutex_init(void* lock, const void* attributes) {
    return pthread_mutex_init(static_cast<pthread_mutex_t*>(lock), static_cast<const pthread_mutexattr_t*>(attributes));
}
int mutex_lock(void* lock) { return pthread_mutex_lock(mutex(lock)); }
int mutex_trylock(void* lock) { return pthread_mutex_trylock(mutex(lock)); }
int mutex_unlock(void* lock) { return pthread_mutex_unlock(mutex(lock)); }
int mutex_destroy(void* lock) { return pthread_mutex_destroy(mutex(lock)); }
int mutexattr_settype(void* attributes, int type) {
    return pthread_mutexattr_settype(static_cast<pthread_mutexattr_t*>(attributes),
                                     type == 2 ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL);
}
int cond_wait(void* lock, void* with) { return pthread_cond_wait(condition(lock), mutex(with)); }
int cond_timedwait(void* lock, void* with, const timespec* until) {
    const int error = pthread_cond_timedwait(condition(lock), mutex(with), until);
    return error == ETIMEDOUT ? 60 : error;
}
int cond_signal(void* lock) { return pthread_cond_signal(condition(lock)); }
int cond_broadcast(void* lock) { return pthread_cond_broadcast(condition(lock)); }
int cond_destroy(void* lock) { return pthread_cond_destroy(condition(lock)); }
int key_create(unsigned long* key, void (*destroy)(void*)) {
    pthread_key_t new_key;
    const int error = pthread_key_create(&new_key, destroy);
    *key = new_key;
    return error;
}
int nothing() { return 0; }

// Where libunwind finds the tables of the code at an address.
struct UnwindSections {
    const void* header;
    const void* dwarf;
    std::uint64_t dwarf_size;
    const void* compact;
    std::uint64_t compact_size;
};
int find_unwind_sections(const void* address, UnwindSections* out) {
    const macho::Image* const image = macho::image_of(address);
    if (image == nullptr) return 0;
    *out = {image->header, nullptr, 0, nullptr, 0};
    for (const macho::Section& section : image->sections) {
        const void* const first = image->at(section.address);
        if (std::strncmp(section.name, "__eh_frame", 16) == 0) out->dwarf = first, out->dwarf_size = section.size;
        if (std::strncmp(section.name, "__unwind_info", 16) == 0)
            out->compact = first, out->compact_size = section.size;
    }
    return 1;
}

/// libc++ waits for atomics by these: compare 32 or 64 bits, in this process.
int ulock_wait(std::uint32_t operation, void* address, std::uint64_t value, std::uint32_t microseconds) {
    if ((operation & 0xff) == 5 && *static_cast<volatile std::uint64_t*>(address) != value) return 0;
    timespec time{static_cast<time_t>(microseconds / 1000000), static_cast<long>(microseconds % 1000000) * 1000};
    return static_cast<int>(syscall(SYS_futex, address, FUTEX_WAIT_PRIVATE, static_cast<std::uint32_t>(value),
                                    microseconds != 0 ? &time : nullptr, nullptr, 0));
}
int ulock_wake(std::uint32_t operation, void* address, std::uint64_t) {
    return static_cast<int>(
        syscall(SYS_futex, address, FUTEX_WAKE_PRIVATE, (operation & 0x100) != 0 ? INT_MAX : 1, nullptr, nullptr, 0));
}

// -- what the machine is ---------------------------------------------------------------------------------------------

/// MACHO_LACKS in the environment: a feature that the machine shall not have, as an M1 has no FEAT_I8MM.
int sysctl_by_name(const char* name, void* out, size_t* size, void*, size_t) {
    long value = 0;
    const std::string asked = name;
    const char* const lacks = std::getenv("MACHO_LACKS");
    if (lacks != nullptr && asked.ends_with(lacks))
        value = 0;
    else if (asked == "hw.optional.arm.FEAT_DotProd")
        value = (getauxval(AT_HWCAP) >> 20) & 1;
    else if (asked == "hw.optional.arm.FEAT_I8MM")
        value = (getauxval(AT_HWCAP2) >> 13) & 1;
    else if (asked == "hw.ncpu" || asked == "hw.logicalcpu" || asked == "hw.activecpu")
        value = sysconf(_SC_NPROCESSORS_ONLN);
    else {
        std::fprintf(stderr, "macho: sysctlbyname(%s) is not known\n", name);
        errno = ENOENT;
        return -1;
    }
    std::memcpy(out, &value, *size < 8 ? *size : 8);
    return 0;
}
long sys_conf(int what) {
    if (what == 58) return sysconf(_SC_NPROCESSORS_ONLN);
    if (what == 29) return 16384;  // _SC_PAGESIZE
    std::fprintf(stderr, "macho: sysconf(%d) is not known\n", what);
    return -1;
}
int clock_get_time(int clock, timespec* out) {
    return clock_gettime(clock == 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC, out);
}
void* aligned(size_t alignment, size_t size) {
    return size % alignment != 0 ? nullptr : aligned_alloc(alignment, size);
}
void pattern16(void* out, const void* pattern, size_t size) {
    for (size_t i = 0; i < size; ++i) static_cast<char*>(out)[i] = static_cast<const char*>(pattern)[i % 16];
}
int error_text(int error, char* out, size_t size) { return std::snprintf(out, size, "%s", strerror(error)) < 0; }
unsigned mach_thread(pthread_t) { return static_cast<unsigned>(gettid()); }
void thread_at_exit(void (*function)(void*), void* argument) {
    static int handle;
    __cxa_thread_atexit_impl(function, argument, &handle);
}

// -- characters and locales: C's, whichever is asked for -------------------------------------------------------------

struct RuneLocale {
    char magic[8] = {'R', 'u', 'n', 'e', 'M', 'a', 'g', 'A'}, encoding[32] = "NONE";
    void *get = nullptr, *put = nullptr;
    std::int32_t invalid = 0xfffd;
    std::uint32_t types[256];
    std::int32_t lower[256], upper[256];
    char rest[256] = {};
    RuneLocale() {
        for (int c = 0; c < 256; ++c) {
            types[c] = c >= 128 ? 0
                                : (isalpha(c) ? 0x100u : 0) | (iscntrl(c) ? 0x200u : 0) | (isdigit(c) ? 0x400u : 0) |
                                      (isgraph(c) ? 0x800u : 0) | (islower(c) ? 0x1000u : 0) |
                                      (ispunct(c) ? 0x2000u : 0) | (isspace(c) ? 0x4000u : 0) |
                                      (isupper(c) ? 0x8000u : 0) | (isxdigit(c) ? 0x10000u : 0) |
                                      (isblank(c) ? 0x20000u : 0) | (isprint(c) ? 0x40000u : 0);
            lower[c] = c < 128 ? tolower(c) : c, upper[c] = c < 128 ? toupper(c) : c;
        }
    }
} rune_locale;
unsigned long mask_rune(int c, unsigned long mask) { return c >= 0 && c < 128 ? rune_locale.types[c] & mask : 0; }
int to_lower(int c) { return c >= 0 && c < 128 ? tolower(c) : c; }
int to_upper(int c) { return c >= 0 && c < 128 ? toupper(c) : c; }
locale_t new_locale(int, const char*, locale_t) { return newlocale(LC_ALL_MASK, "C", nullptr); }
int most_bytes(locale_t) { return 1; }
wint_t byte_to_wide(int c, locale_t) { return btowc(c); }
int wide_to_byte(wint_t c, locale_t) { return wctob(c); }
lconv* locale_conventions(locale_t) { return localeconv(); }
double to_long_double(const char* text, char** end) { return strtod(text, end); }
double to_long_double_l(const char* text, char** end, locale_t) { return strtod(text, end); }
size_t length_of(const char* text, size_t size, mbstate_t* state, locale_t) { return mbrlen(text, size, state); }
size_t to_wide(wchar_t* out, const char* text, size_t size, mbstate_t* state, locale_t) {
    return mbrtowc(out, text, size, state);
}
size_t from_wide(char* out, wchar_t c, mbstate_t* state, locale_t) { return wcrtomb(out, c, state); }

template <typename Function>
void* address(Function* function) {
    return reinterpret_cast<void*>(function);
}

const std::map<std::string, void*>& all() {
    static const std::map<std::string, void*> names = {
        {"printf", address(mac_printf)},
        {"fprintf", address(mac_fprintf)},
        {"snprintf", address(mac_snprintf)},
        {"snprintf_l", address(mac_snprintf_l)},
        {"asprintf_l", address(mac_asprintf_l)},
        {"sscanf", address(mac_sscanf)},
        {"swprintf", address(mac_swprintf)},
        {"vfprintf", address(mac_vfprintf)},
        {"vsnprintf", address(mac_vsnprintf)},
        {"pthread_mutex_init", address(mutex_init)},
        {"pthread_mutex_lock", address(mutex_lock)},
        {"pthread_mutex_trylock", address(mutex_trylock)},
        {"pthread_mutex_unlock", address(mutex_unlock)},
        {"pthread_mutex_destroy", address(mutex_destroy)},
        {"pthread_mutexattr_settype", address(mutexattr_settype)},
        {"pthread_cond_wait", address(cond_wait)},
        {"pthread_cond_timedwait", address(cond_timedwait)},
        {"pthread_cond_signal", address(cond_signal)},
        {"pthread_cond_broadcast", address(cond_broadcast)},
        {"pthread_cond_destroy", address(cond_destroy)},
        {"pthread_key_create", address(key_create)},
        {"pthread_set_qos_class_self_np", address(nothing)},
        {"pthread_mach_thread_np", address(mach_thread)},
        {"_tlv_atexit", address(thread_at_exit)},
        // Of libunwind alone, which takes them for what it keeps of images that may go away.
        {"pthread_rwlock_rdlock", address(nothing)},
        {"pthread_rwlock_wrlock", address(nothing)},
        {"pthread_rwlock_unlock", address(nothing)},
        {"_dyld_register_func_for_remove_image", address(nothing)},
        {"_dyld_find_unwind_sections", address(find_unwind_sections)},
        {"__ulock_wait", address(ulock_wait)},
        {"__ulock_wake", address(ulock_wake)},
        {"sysctlbyname", address(sysctl_by_name)},
        {"sysconf", address(sys_conf)},
        {"clock_gettime", address(clock_get_time)},
        {"aligned_alloc", address(aligned)},
        {"memset_pattern16", address(pattern16)},
        {"strerror_r", address(error_text)},
        {"__error", address(__errno_location)},
        {"__stderrp", &stderr},
        {"__stdoutp", &stdout},
        {"__stdinp", &stdin},
        {"_DefaultRuneLocale", &rune_locale},
        {"__maskrune_l", address(mask_rune)},
        {"__maskrune", address(mask_rune)},
        {"__tolower", address(to_lower)},
        {"__toupper", address(to_upper)},
        {"___tolower_l", address(to_lower)},
        {"___toupper_l", address(to_upper)},
        {"newlocale", address(new_locale)},
        {"___mb_cur_max_l", address(most_bytes)},
        {"btowc_l", address(byte_to_wide)},
        {"wctob_l", address(wide_to_byte)},
        {"localeconv_l", address(locale_conventions)},
        {"strtold", address(to_long_double)},
        {"strtold_l", address(to_long_double_l)},
        {"mbrlen_l", address(length_of)},
        {"mbrtowc_l", address(to_wide)},
        {"wcrtomb_l", address(from_wide)},
    };
    return names;
}

}  // namespace

void* macho::stand_in(const char* name) {
    const auto found = all().find(name);
    return found == all().end() ? nullptr : found->second;
}
