// The kernel @name@. sup_kernel.h is the contract. No exception may leave a function that the host calls.
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include "sup_kernel.h"

namespace {

constexpr std::int64_t max_below = 1'000'000'000;  // of count-primes

const sup_host *host;

sup_val mismatch(sup_ctx *ctx, const char *message) { return host->raise(ctx, "type/mismatch", sup_text(message)); }

sup_val overflow(sup_ctx *ctx) {
  return host->raise(ctx, "alu/overflow", sup_text("the integer does not fit into 64 bits"));
}

// A primitive takes values, and answers one or raises. The host has counted the arguments.
sup_val add(sup_ctx *ctx, std::uint32_t, const sup_val *argv) {
  std::int64_t a, b, sum;
  if (!sup_get_int(host, ctx, argv[0], &a) || !sup_get_int(host, ctx, argv[1], &b))
    return mismatch(ctx, "add takes integers");
  if (__builtin_add_overflow(a, b, &sum)) return overflow(ctx);
  return sup_int(host, ctx, sum);
}

// Data behind a handle that programs hold; deleted when nothing holds it any more.
struct Counter {
  std::int64_t count;
};

const sup_type counter_type = {sizeof(sup_type), 1, "counter", [](void *data) { delete static_cast<Counter *>(data); }, nullptr, nullptr, nullptr};

sup_val new_counter(sup_ctx *ctx, std::uint32_t, const sup_val *argv) {
  std::int64_t start;
  if (!sup_get_int(host, ctx, argv[0], &start)) return mismatch(ctx, "counter takes an integer");
  auto *made = new (std::nothrow) Counter{start};
  if (!made) return host->raise(ctx, "vm/memory", sup_text("there is no memory for a counter"));
  return host->new_res(ctx, &counter_type, made);
}

sup_val next(sup_ctx *ctx, std::uint32_t, const sup_val *argv) {
  auto *held = static_cast<Counter *>(host->get_res(ctx, argv[0], &counter_type));
  if (!held) return mismatch(ctx, "next takes a counter");
  if (held->count == std::numeric_limits<std::int64_t>::max()) return overflow(ctx);
  return sup_int(host, ctx, ++held->count);
}

// Work on another thread: the fiber that asked waits for the promise, and the others run.
struct Job {
  sup_promise promise;
  std::int64_t below, count;

  static bool is_prime(std::int64_t n) {
    for (std::int64_t d = 2; d * d <= n; d++)
      if (n % d == 0) return false;
    return true;
  }

  static void drop(void *data) { delete static_cast<Job *>(data); }

  static sup_val answer(sup_ctx *ctx, void *data) { return sup_int(host, ctx, static_cast<Job *>(data)->count); }

  static void run(void *data) {
    auto *work = static_cast<Job *>(data);
    for (std::int64_t n = 2; n < work->below; n++) work->count += is_prime(n);
    host->settle_with(work->promise, answer, drop, work);
  }

  // Called instead of `run` when it will never run.
  static void give_up(void *data) {
    std::unique_ptr<Job> work(static_cast<Job *>(data));
    host->settle_error(work->promise, "kernel/dropped", sup_text("the work was given up"));
  }
};

sup_val count_primes(sup_ctx *ctx, std::uint32_t, const sup_val *argv) {
  std::int64_t below;
  if (!sup_get_int(host, ctx, argv[0], &below)) return mismatch(ctx, "count-primes takes an integer");
  if (below > max_below) return host->raise(ctx, "@name@/too-many", sup_text("count-primes takes at most 1000000000"));
  sup_promise promise;
  const sup_val handle = host->promise(ctx, &promise);
  if (handle == SUP_THROW) return handle;
  std::unique_ptr<Job> work(new (std::nothrow) Job{promise, below, 0});
  if (!work) return host->raise(ctx, "vm/memory", sup_text("there is no memory for the work"));
  if (!host->spawn(Job::run, Job::give_up, work.get()))
    return host->raise(ctx, "kernel/busy", sup_text("the pool for work is full"));
  work.release();  // it belongs to the pool now
  return host->wait(ctx, handle);
}

const sup_prim prims[] = {
  {"add", "(a :int b :int) :int", "Sum of two integers; raises `alu/overflow`.", add, 2, 2, SUP_PURE | SUP_LEAF | SUP_MT, 0, 0},
  {"counter", "(start :int) :resource", "A counter that starts there.", new_counter, 1, 1, SUP_MT, 0, 0},
  {"next", "(counter :resource) :int", "Counts one on, and answers the count; raises `alu/overflow`.", next, 1, 1, SUP_MT, 0, 0},
  {"count-primes", "(below :int) :int",
   "How many primes are less than `below`, counted on another thread while the fiber waits; raises `@name@/too-many` above 1000000000.",
   count_primes, 1, 1, SUP_ASYNC | SUP_BLOCKING | SUP_MT, 0, 0}};
const sup_type *const types[] = {&counter_type};

const sup_kernel kernel = [] {
  sup_kernel table = {};
  table.magic = SUP_MAGIC;
  table.size = sizeof(sup_kernel);
  table.abi_major = SUP_ABI_MAJOR;
  table.abi_minor = SUP_ABI_MINOR;
  table.value_layout = SUP_VALUE_LAYOUT;
  table.name = "@name@";
  table.version = "0.1.0";
  table.prims = prims;
  table.nprims = sizeof prims / sizeof *prims;
  table.prim_size = sizeof(sup_prim);
  table.types = types;
  table.ntypes = 1;
  return table;
}();

}  // namespace

// The only symbol that is exported.
const sup_kernel *sup_kernel_v1(const sup_host *given) {
  host = given;
  return &kernel;
}
