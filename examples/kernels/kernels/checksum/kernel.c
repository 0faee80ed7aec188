/* checksum: CRC-32 as zlib, gzip and PNG have it (ISO 3309, polynomial 0xEDB88320 reflected). Shows a kernel in C: a resource, work on the
 * host's pool, and state that is handed to the next generation when the kernel is swapped. sup_kernel.h is the contract. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "sup_kernel.h"

static const sup_host *host;

static uint32_t table[256];

/* The state: one for each generation. Several isolates, and the pool's threads, count in it at once. */
typedef struct { _Atomic uint64_t n_bytes; } totals;

static uint32_t crc_of(uint32_t crc, sup_bytes bytes) {
  crc = ~crc;
  for (size_t i = 0; i < bytes.n; i++) crc = table[(crc ^ bytes.p[i]) & 0xff] ^ crc >> 8;
  return ~crc;
}

static sup_val mismatch(sup_ctx *ctx, const char *message) {
  return host->raise(ctx, "type/mismatch", sup_text(message));
}

static sup_val no_memory(sup_ctx *ctx) {
  return host->raise(ctx, "vm/memory", sup_text("there is no memory for the work"));
}

/* ---- a resource: a sum that grows ---- */

typedef struct { uint32_t crc; } sum;

static const sup_type sum_type = {sizeof(sup_type), 1, "checksum", free, NULL, NULL, NULL};

static sup_val start(sup_ctx *ctx, uint32_t argc, const sup_val *argv) {
  (void)argc, (void)argv;
  sum *made = calloc(1, sizeof *made);
  return made ? host->new_res(ctx, &sum_type, made) : no_memory(ctx);
}

static sup_val add(sup_ctx *ctx, uint32_t argc, const sup_val *argv) {
  sum *held = host->get_res(ctx, argv[0], &sum_type);
  totals *state = host->state(ctx);
  sup_bytes bytes;
  (void)argc;
  if (!held) return mismatch(ctx, "add takes a checksum first");
  if (!host->get_bytes(ctx, &argv[1], &bytes)) return mismatch(ctx, "add takes text or bytes");
  held->crc = crc_of(held->crc, bytes);
  state->n_bytes += bytes.n;
  return sup_int(host, ctx, held->crc);
}

static sup_val value(sup_ctx *ctx, uint32_t argc, const sup_val *argv) {
  sum *held = host->get_res(ctx, argv[0], &sum_type);
  (void)argc;
  return held ? sup_int(host, ctx, held->crc) : mismatch(ctx, "value takes a checksum");
}

/* ---- work on the pool: what it needs is copied first, since values belong to the isolate's thread ---- */

typedef struct {
  sup_promise promise;
  totals *state; /* stays until the work is done: it holds its generation */
  uint32_t crc;
  size_t n;
  uint8_t bytes[];
} job;

static sup_val job_answer(sup_ctx *ctx, void *data) {
  return sup_int(host, ctx, ((job *)data)->crc);
}

static void job_run(void *data) {
  job *work = data;
  work->crc = crc_of(0, (sup_bytes){work->bytes, work->n});
  work->state->n_bytes += work->n;
  host->settle_with(work->promise, job_answer, free, work);
}

static void job_drop(void *data) {
  job *work = data;
  host->settle_error(work->promise, "kernel/dropped", sup_text("the work was given up"));
  free(work);
}

/* The length of all texts of a list; 0 after raising. */
static int total_length(sup_ctx *ctx, sup_val list, size_t n_texts, size_t *n) {
  *n = 0;
  for (size_t i = 0; i < n_texts; i++) {
    sup_val text;
    sup_bytes bytes;
    if (!host->list_at(ctx, list, i, &text) || !host->get_bytes(ctx, &text, &bytes)) {
      mismatch(ctx, "of takes a list of texts or bytes");
      return 0;
    }
    *n += bytes.n;
  }
  return 1;
}

static sup_val of(sup_ctx *ctx, uint32_t argc, const sup_val *argv) {
  size_t n_texts, n;
  (void)argc;
  if (!host->length(ctx, argv[0], &n_texts)) return mismatch(ctx, "of takes a list of texts or bytes");
  if (!total_length(ctx, argv[0], n_texts, &n)) return SUP_THROW;
  job *work = malloc(sizeof *work + n);
  if (!work) return no_memory(ctx);
  work->n = 0;
  for (size_t i = 0; i < n_texts; i++) {
    sup_val text;
    sup_bytes bytes = {NULL, 0};
    if (host->list_at(ctx, argv[0], i, &text) && host->get_bytes(ctx, &text, &bytes) && bytes.n) {
      memcpy(work->bytes + work->n, bytes.p, bytes.n);
      work->n += bytes.n;
    }
  }
  work->state = host->state(ctx);
  sup_val handle = host->promise(ctx, &work->promise);
  if (handle == SUP_THROW) {
    free(work);
    return handle;
  }
  if (!host->spawn(job_run, job_drop, work)) {
    free(work);
    return host->raise(ctx, "kernel/busy", sup_text("the pool for work is full"));
  }
  return host->wait(ctx, handle);
}

/* ---- state ---- */

static sup_val n_bytes(sup_ctx *ctx, uint32_t argc, const sup_val *argv) {
  totals *state = host->state(ctx);
  (void)argc, (void)argv;
  return sup_int(host, ctx, (int64_t)state->n_bytes);
}

static int32_t load(const sup_host *given, uint32_t version, sup_bytes saved, void **state, sup_bytes *message) {
  uint64_t before = 0;
  (void)given;
  if (saved.p) {
    if (version != 1 || saved.n != sizeof before) {
      *message = sup_text("what the generation before has saved is not of version 1");
      return 1;
    }
    memcpy(&before, saved.p, sizeof before);
  }
  totals *made = malloc(sizeof *made);
  if (!made) return 1;
  atomic_init(&made->n_bytes, before);
  for (uint32_t i = 0; i < 256; i++) {
    table[i] = i;
    for (int bit = 0; bit < 8; bit++) table[i] = table[i] & 1 ? table[i] >> 1 ^ 0xEDB88320u : table[i] >> 1;
  }
  *state = made;
  return 0;
}

static int32_t save(void *state, int32_t (*put)(void *, sup_bytes), void *writer) {
  uint64_t now = ((totals *)state)->n_bytes;
  return put(writer, (sup_bytes){(const uint8_t *)&now, sizeof now});
}

static const sup_prim prims[] = {
  {"start", "() :resource", "A CRC-32 of nothing, to be fed.", start, 0, 0, SUP_MT, 0, 0},
  {"add", "(sum :resource piece :any) :int", "Feeds text or bytes to a checksum, and answers what it is then.", add, 2, 2, SUP_MT, 0, 0},
  {"value", "(sum :resource) :int", "What a checksum is.", value, 1, 1, SUP_MT | SUP_LEAF, 0, 0},
  {"of", "(pieces :list) :int", "The CRC-32 of texts and bytes one after the other, taken on another thread while the fiber waits.", of, 1, 1,
   SUP_ASYNC | SUP_BLOCKING | SUP_MT, 0, 0},
  {"n-bytes", "() :int", "How many bytes were fed, by all isolates and all generations of this kernel.", n_bytes, 0, 0, SUP_MT | SUP_LEAF, 0, 0}};
static const sup_type *const types[] = {&sum_type};

static const sup_kernel kernel = {
  .magic = SUP_MAGIC, .size = sizeof(sup_kernel), .abi_major = SUP_ABI_MAJOR, .abi_minor = SUP_ABI_MINOR,
  .value_layout = SUP_VALUE_LAYOUT, .name = "checksum", .version = "0.1.0",
  .prims = prims, .nprims = sizeof prims / sizeof *prims, .prim_size = sizeof(sup_prim), .types = types, .ntypes = 1,
  .state_version = 1, .load = load, .save = save, .unload = free};

const sup_kernel *sup_kernel_v1(const sup_host *given) {
  host = given;
  return &kernel;
}
