/* The kernel NAME: `sup run` and `sup build` build it. sup_kernel.h is the whole contract. */
#include "sup_kernel.h"

static const sup_host *host;

static sup_val add(sup_ctx *cx, uint32_t argc, const sup_val *argv) {
  int64_t a, b, sum;
  (void)argc;
  if (!sup_get_int(host, cx, argv[0], &a) || !sup_get_int(host, cx, argv[1], &b))
    return host->raise(cx, "type/mismatch", sup_text("add takes integers"));
  if (__builtin_add_overflow(a, b, &sum)) return host->raise(cx, "alu/overflow", sup_text("the sum does not fit"));
  return sup_int(host, cx, sum);
}

static const sup_prim prims[] = {
  {"add", "(a :int b :int) :int", "Sum of two integers; raises `alu/overflow`.", add, 2, 2, SUP_PURE | SUP_LEAF | SUP_MT, 0, 0}};

static const sup_kernel kernel = {SUP_MAGIC, sizeof(sup_kernel), SUP_ABI_MAJOR, SUP_ABI_MINOR, SUP_VALUE_LAYOUT,
  "NAME", "0.1.0", NULL, prims, NULL, 1, 0, sizeof(sup_prim), 0, 0, 0, NULL, NULL, NULL, NULL};
const sup_kernel *sup_kernel_v1(const sup_host *given) { host = given; return &kernel; }
