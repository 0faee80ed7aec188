/* The value word: how 64 bits tell what they are. The same scheme as sup/abi/src/word.rs.
 *
 *   low three bits   word
 *   0 3 4            real, its bits rotated left by 4 (others are boxed)
 *   1                address of a heap object, plus 1
 *   2 6              integer of 62 bits, shifted left by 2 (others are boxed)
 *   5                string of at most 7 bytes: length in bits 3..6, bytes from bit 8 up
 *   7                immediate: kind in bits 3..8, payload in bits 32..64
 */
#ifndef SUP_TAGS_H
#define SUP_TAGS_H
#include <stdint.h>
#include <string.h>

#define SUP_VALUE_LAYOUT 0x53550001u

typedef uint64_t sup_val;

#define SUP_IMMEDIATE(kind) ((sup_val)(7u | ((kind) << 3)))
#define SUP_NIL SUP_IMMEDIATE(0u)
#define SUP_FALSE SUP_IMMEDIATE(1u)
#define SUP_TRUE SUP_IMMEDIATE(2u)
#define SUP_THROW SUP_IMMEDIATE(31u) /* answered when an error is pending */

#define SUP_FIXNUM_MAX ((INT64_C(1) << 61) - 1)
#define SUP_FIXNUM_MIN (-(INT64_C(1) << 61))

static inline sup_val sup_bool(int holds) { return holds ? SUP_TRUE : SUP_FALSE; }

/* False are `false`, `nil` and the integer 0. */
static inline int sup_is_falsy(sup_val v) { return v == SUP_FALSE || v == SUP_NIL || v == 2; }

static inline int sup_is_fixnum(sup_val v) { return (v & 3) == 2; }

/* Integers outside SUP_FIXNUM_MIN..SUP_FIXNUM_MAX go through the host's new_int and get_int. */
static inline sup_val sup_fixnum(int64_t i) { return ((uint64_t)i << 2) | 2; }
static inline int64_t sup_fixnum_value(sup_val v) {
  uint64_t sign = v >> 63 ? UINT64_C(0xC000000000000000) : 0;
  uint64_t bits = (v >> 2) | sign;
  int64_t i;
  memcpy(&i, &bits, sizeof i);
  return i;
}

static inline int sup_is_flonum(sup_val v) { return (0x19u >> (v & 7)) & 1; }

/* Makes the word of a real, if it needs no box; the others go through the host's new_real. */
static inline int sup_flonum(double d, sup_val *out) {
  uint64_t bits;
  memcpy(&bits, &d, sizeof bits);
  *out = bits << 4 | bits >> 60;
  return sup_is_flonum(*out);
}
static inline double sup_flonum_value(sup_val v) {
  uint64_t bits = v >> 4 | v << 60;
  double d;
  memcpy(&d, &bits, sizeof d);
  return d;
}

#endif
