// Prelude: C++20, for tests on the CPU. A thread of a group is a coroutine that stops at each barrier. Each access is
// checked: indices, races between two barriers, shared memory that nobody has written, results written not once.
#include <algorithm>
#include <coroutine>
#include <exception>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

typedef unsigned char uchar;
typedef unsigned int uint;

[[noreturn]] inline void fail(const char* memory, long long index, const std::string& problem) {
    throw std::runtime_error(std::string(memory) + "[" + std::to_string(index) + "]: " + problem);
}

inline void check_index(const char* memory, long long index, std::size_t size) {
    if (index < 0 || index >= static_cast<long long>(size)) {
        fail(memory, index, "expected an index below " + std::to_string(size));
    }
}

/// An input.
template <typename T>
class Reads {
  public:
    explicit Reads(const std::vector<T>& values) : values_(&values) {}
    T operator[](long long index) const {
        check_index("input", index, values_->size());
        return (*values_)[static_cast<std::size_t>(index)];
    }

  private:
    const std::vector<T>* values_;
};

/// The memory of an output.
template <typename T>
struct OutputMemory {
    explicit OutputMemory(std::size_t size) : values(size), is_written(size) {}
    void check_written() const {
        const auto missing = std::find(is_written.begin(), is_written.end(), false);
        if (missing != is_written.end()) fail("output", missing - is_written.begin(), "expected a value; got none");
    }
    std::vector<T> values;
    std::vector<bool> is_written;
};

/// An output: each element is assigned once.
template <typename T>
class Writes {
  public:
    class Element {
      public:
        Element(OutputMemory<T>& memory, std::size_t at) : memory_(memory), at_(at) {}
        void operator=(T value) const {
            if (memory_.is_written[at_]) fail("output", static_cast<long long>(at_), "expected one value; got two");
            memory_.is_written[at_] = true;
            memory_.values[at_] = value;
        }

      private:
        OutputMemory<T>& memory_;
        std::size_t at_;
    };
    explicit Writes(OutputMemory<T>& memory) : memory_(&memory) {}
    Element operator[](long long index) const {
        check_index("output", index, memory_->values.size());
        return {*memory_, static_cast<std::size_t>(index)};
    }

  private:
    OutputMemory<T>* memory_;
};

/// The memory that the threads of a group share.
template <typename T>
struct SharedMemory {
    static constexpr int kNobody = -1, kSeveral = -2;
    struct Cell {
        T value = static_cast<T>(0xA5);
        int writer = kNobody, reader = kNobody;            // since the last barrier
        bool is_written = false;                           // at all
        int interval = 0;                                  // between barriers, of `writer` and `reader`
    };
    explicit SharedMemory(std::size_t size) : cells(size) {}

    Cell& access(long long index) {
        check_index("shared memory", index, cells.size());
        Cell& cell = cells[static_cast<std::size_t>(index)];
        if (cell.interval != interval) cell = {cell.value, kNobody, kNobody, cell.is_written, interval};
        return cell;
    }
    T read(long long index) {
        Cell& cell = access(index);
        if (!cell.is_written) fail("shared memory", index, "read before it was written");
        if (cell.writer != kNobody && cell.writer != thread) fail("shared memory", index, "read without a barrier");
        cell.reader = cell.reader == kNobody || cell.reader == thread ? thread : kSeveral;
        return cell.value;
    }
    void write(long long index, T value) {
        Cell& cell = access(index);
        const bool others_read = cell.reader != kNobody && cell.reader != thread;
        const bool others_wrote = cell.writer != kNobody && cell.writer != thread;
        if (others_read || others_wrote) fail("shared memory", index, "written without a barrier");
        cell.value = value;
        cell.writer = thread;
        cell.is_written = true;
    }

    std::vector<Cell> cells;
    int thread = 0;    // that runs now
    int interval = 1;  // number of the interval between two barriers
};

template <typename T>
class Shared {
  public:
    class Element {
      public:
        Element(SharedMemory<T>& memory, long long at) : memory_(memory), at_(at) {}
        operator T() const { return memory_.read(at_); }
        void operator=(T value) const { memory_.write(at_, value); }

      private:
        SharedMemory<T>& memory_;
        long long at_;
    };
    explicit Shared(SharedMemory<T>& memory) : memory_(&memory) {}
    Element operator[](long long index) const { return {*memory_, index}; }

  private:
    SharedMemory<T>* memory_;
};

/// A thread of a group, which runs from barrier to barrier.
class GroupThread {
  public:
    struct promise_type {
        GroupThread get_return_object() { return GroupThread(Handle::from_promise(*this)); }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { error = std::current_exception(); }
        std::exception_ptr error;
    };
    GroupThread(GroupThread&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    GroupThread& operator=(GroupThread&&) = delete;
    ~GroupThread() {
        if (handle_) handle_.destroy();
    }

    /// Runs to the next barrier or to the end. Returns false at the end.
    bool run() {
        handle_.resume();
        if (handle_.promise().error) std::rethrow_exception(handle_.promise().error);
        return !handle_.done();
    }

  private:
    using Handle = std::coroutine_handle<promise_type>;
    explicit GroupThread(Handle handle) : handle_(handle) {}
    Handle handle_;
};

/// An order of groups and of the threads in each interval: forward, backward, or shuffled.
class Order {
  public:
    explicit Order(uint seed) : seed_(seed), random_(seed) {}
    std::vector<int> next(int count) {
        std::vector<int> order(static_cast<std::size_t>(count));
        std::iota(order.begin(), order.end(), 0);
        if (seed_ == 1) std::reverse(order.begin(), order.end());
        if (seed_ > 1) std::shuffle(order.begin(), order.end(), random_);
        return order;
    }

  private:
    uint seed_;
    std::mt19937 random_;
};

/// Runs `groups` groups of `threads` threads. start(shared, group, thread) returns a thread, not yet running.
template <typename T, typename Start>
void run_groups(int groups, int threads, std::size_t shared_size, Order order, Start start) {
    for (const int group : order.next(groups)) {
        SharedMemory<T> memory(shared_size);
        std::vector<GroupThread> running;
        for (int thread = 0; thread < threads; ++thread) {
            running.push_back(start(Shared<T>(memory), static_cast<uint>(group), static_cast<uint>(thread)));
        }
        for (int waiting = threads; waiting > 0; ++memory.interval) {
            waiting = 0;
            for (const int thread : order.next(threads)) {
                memory.thread = thread;
                waiting += running[static_cast<std::size_t>(thread)].run();
            }
            if (waiting != 0 && waiting != threads) {
                fail("group", group, std::to_string(waiting) + " of " + std::to_string(threads) + " threads wait");
            }
        }
    }
}

#define READS(type) Reads<type>
#define WRITES(type) Writes<type>
#define SHARED(type) Shared<type>
#define FUNCTION(result) inline result
#define KERNEL(name) inline GroupThread name
#define END_KERNEL co_return;
#define BARRIER co_await std::suspend_always()
