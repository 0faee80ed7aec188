/* The kernel @name@. sup_kernel.h is the contract. */
#include <stdlib.h>
#include "sup_kernel.h"

#define MAX_BELOW 1000000000 /* the largest `below` of count-primes */

static const sup_host *host;

static sup_val mismatch(sup_ctx *ctx, const char *message) {
  return host->raise(ctx, "type/mismatch", sup_text(message));
}

static sup_val overflow(sup_ctx *ctx) {
  return host->raise(ctx, "alu/overflow", sup_text("the integer does not fit into 64 bits"));
}

/* A primitive takes values, and answers one or raises. The host has counted the arguments. */
static sup_val add(sup_ctx *ctx, uint32_t argc, const sup_val *argv) {
  int64_t a, b, sum;
  (void)argc;
  if (!sup_get_int(host, ctx, argv[0], &a) || !sup_get_int(host, ctx, argv[1], &b))
    return mismatch(ctx, "add takes integers");
  if (__builtin_add_overflow(a, b, &sum)) return overflow(ctx);
  return sup_int(host, ctx, sum);
}

/* Data behind a handle that programs hold; `free` is called when nothing holds it any more. */
typedef struct { int64_t count; } counter;

static const sup_type counter_type = {sizeof(sup_type), 1, "counter", free, NULL, NULL, NULL};

static sup_val new_counter(sup_ctx *ctx, uint32_t argc, const sup_val *argv) {
  int64_t start;
  (void)argc;
  if (!sup_get_int(host, ctx, argv[0], &start)) return mismatch(ctx, "counter takes an integer");
  counter *made = malloc(sizeof *made);
  if (!made) return host->raise(ctx, "vm/memory", sup_text("there is no memory for a counter"));
  made->count = start;
  return host->new_res(ctx, &counter_type, made);
}

static sup_val next(sup_ctx *ctx, uint32_t argc, const sup_val *argv) {
  counter *held = host->get_res(ctx, argv[0], &counter_type);
  (void)argc;
  if (!held) return mismatch(ctx, "next takes a counter");
  if (held->count == INT64_MAX) return overflow(ctx);
  return sup_int(host, ctx, ++held->count);
}

/* Work on another thread: the fiber that asked waits for the promise, and the others run. */
typedef struct { sup_promise promise; int64_t below, count; } job;

static sup_val job_answer(sup_ctx *ctx, void *data) {
  return sup_int(host, ctx, ((job *)data)->count);
}

static int is_prime(int64_t n) {
  for (int64_t d = 2; d * d <= n; d++)
    if (n % d == 0) return 0;
  return 1;
}

static void job_run(void *data) {
  job *work = data;
  for (int64_t n = 2; n < work->below; n++) work->count += is_prime(n);
  host->settle_with(work->promise, job_answer, free, work);
}

/* Called instead of job_run when it will never run. */
static void job_drop(void *data) {
  job *work = data;
  host->settle_error(work->promise, "kernel/dropped", sup_text("the work was given up"));
  free(work);
}

static sup_val count_primes(sup_ctx *ctx, uint32_t argc, const sup_val *argv) {
  int64_t below;
  (void)argc;
  if (!sup_get_int(host, ctx, argv[0], &below)) return mismatch(ctx, "count-primes takes an integer");
  if (below > MAX_BELOW) return host->raise(ctx, "@name@/too-many", sup_text("count-primes takes at most 1000000000"));
  job *work = malloc(sizeof *work);
  if (!work) return host->raise(ctx, "vm/memory", sup_text("there is no memory for the work"));
  sup_promise promise;
  sup_val handle = host->promise(ctx, &promise);
  if (handle == SUP_THROW) {
    free(work);
    return handle;
  }
  *work = (job){promise, below, 0};
  if (!host->spawn(job_run, job_drop, work)) {
    free(work);
    return host->raise(ctx, "kernel/busy", sup_text("the pool for work is full"));
  }
  return host->wait(ctx, handle);
}

static const sup_prim prims[] = {
  {"add", "(a :int b :int) :int", "Sum of two integers; raises `alu/overflow`.", add, 2, 2, SUP_PURE | SUP_LEAF | SUP_MT, 0, 0},
  {"counter", "(start :int) :resource", "A counter that starts there.", new_counter, 1, 1, SUP_MT, 0, 0},
  {"next", "(counter :resource) :int", "Counts one on, and answers the count; raises `alu/overflow`.", next, 1, 1, SUP_MT, 0, 0},
  {"count-primes", "(below :int) :int",
   "How many primes are less than `below`, counted on another thread while the fiber waits; raises `@name@/too-many` above 1000000000.",
   count_primes, 1, 1, SUP_ASYNC | SUP_BLOCKING | SUP_MT, 0, 0}};
static const sup_type *const types[] = {&counter_type};

static const sup_kernel kernel = {
  .magic = SUP_MAGIC, .size = sizeof(sup_kernel), .abi_major = SUP_ABI_MAJOR, .abi_minor = SUP_ABI_MINOR,
  .value_layout = SUP_VALUE_LAYOUT, .name = "@name@", .version = "0.1.0",
  .prims = prims, .nprims = sizeof prims / sizeof *prims, .prim_size = sizeof(sup_prim), .types = types, .ntypes = 1};

/* The only symbol that is exported. */
const sup_kernel *sup_kernel_v1(const sup_host *given) {
  host = given;
  return &kernel;
}
