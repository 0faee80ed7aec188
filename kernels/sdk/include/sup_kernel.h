/* What a kernel of `sup` exports and what it may ask of the machine. ABI 1.0: structs are append-only, and each starts with
 * its size or is carried with it. The same as sup/abi/src/kernel.rs, host.rs and extension.rs; a test compares the layouts.
 *
 * WHEN VALUES MOVE. The collector never runs while a native function runs, whatever the function allocates: the machine
 * collects after it has returned. The one exception is `call`, which runs SLP code. So a raw word stays good until the
 * function returns, unless the function uses `call`; what must survive that, arguments included, is put into a slot before.
 *
 * FAILURE. A function that answers a sup_val answers SUP_THROW when it has raised: pass that on, or take the error with
 * `take_error`. A function that answers int32_t answers 1 for yes and 0 for no, and raises nothing unless it says so. A
 * primitive that answers SUP_THROW with no error pending raises `kernel/throw`.
 *
 * THREADS. A function that takes a sup_ctx may be called only by the thread that runs the primitive, while it runs; elsewhere
 * it answers SUP_THROW, 0 or NULL and does nothing. The others may be called from any thread at any time. A primitive without
 * SUP_MT, what it goes on with (`sup_continue`) and its `sup_build` run on one thread at a time; `load`, the functions of a
 * sup_type, of a stage and of a scheme are not kept apart from them.
 *
 * LIFETIMES. The tables of a kernel, what they point at, and the host's tables live as long as the process. Bytes that the host
 * lends live until the function that was given a sup_ctx returns; bytes that a kernel passes are copied before the host's
 * function returns. A message that a kernel sets is read before the same thread asks it for something again. Data that is handed
 * over with a `drop` is freed by it, once, whatever happens. A generation's `unload` comes when nothing holds it any more:
 * isolates, resources, pins, open promises, what it goes on with, and work on the pool.
 */
#ifndef SUP_KERNEL_H
#define SUP_KERNEL_H
#include <stddef.h>
#include <stdint.h>
#include "sup_tags.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SUP_MAGIC 0x31505553u /* "SUP1" */
#define SUP_ABI_MAJOR 1
#define SUP_ABI_MINOR 0

typedef struct sup_ctx sup_ctx; /* one call on one isolate's thread; never store, never share */
typedef uint64_t sup_ref;       /* pinned value or function; may go to other threads */
typedef uint64_t sup_promise;   /* write-once token; may go to other threads; 0 is none */
typedef uint32_t sup_slot;      /* keeps a value through `call`; dropped on return */
typedef struct sup_bytes { const uint8_t *p; size_t n; } sup_bytes;

/* Flags of a primitive. Unknown bits are refused. */
enum {
  SUP_PURE = 1,     /* the same answer for the same arguments, and touches nothing else */
  SUP_LEAF = 2,     /* of the host uses only raise, new_int, new_real and readers */
  SUP_BLOCKING = 4, /* works on the host's pool while its fiber is parked; needs SUP_ASYNC */
  SUP_ASYNC = 8,    /* may return `wait`: the fiber is parked until a promise is settled */
  SUP_MT = 16,      /* may run on several threads at once; without it one thread at a time is let in */
  SUP_NOTHROW = 32, /* never raises */
  SUP_EVERYDAY = 64 /* its name is visible without the kernel's name before it, as `+` is */
};

/* Capabilities: an isolate that was not given what a primitive needs does not have the primitive. Unknown bits are refused. */
enum {
  SUP_C_CONSOLE = 1, SUP_C_READ = 2, SUP_C_WRITE = 4, SUP_C_CLOCK = 8, SUP_C_ENVIRONMENT = 16, SUP_C_RANDOM = 32,
  SUP_C_STORE = 64, SUP_C_KERNEL = 128, SUP_C_NETWORK = 256,
  SUP_C_ONE_OF = 1 << 30 /* one of those named will do for some of what it does */
};
#define SUP_C_NONE 0x80000000u /* it reaches nothing, and says so */

/* Types of values; append-only. */
enum {
  SUP_T_NIL, SUP_T_BOOL, SUP_T_INT, SUP_T_REAL, SUP_T_STR, SUP_T_BYTES, SUP_T_SYMBOL, SUP_T_KEYWORD, SUP_T_PATH,
  SUP_T_LIST_P, SUP_T_LIST_B, SUP_T_LIST_C, SUP_T_MAP, SUP_T_ERROR, SUP_T_FORM, SUP_T_SOME, SUP_T_DATUM,
  SUP_T_ABERRANT, SUP_T_ARRAY, SUP_T_TABLE, SUP_T_BUFFER, SUP_T_BOX, SUP_T_FN, SUP_T_PRIMITIVE, SUP_T_RESOURCE,
  SUP_T_FIBER
};

/* Kinds of lists, for new_list. */
enum { SUP_LIST_P = 0, SUP_LIST_B = 1, SUP_LIST_C = 2 };

/* Intrinsics: meanings that let the compiler turn a call into one instruction. Append-only; sup/abi/src/intrinsic.rs says
 * what each means exactly. */
enum {
  SUP_I_NONE, SUP_I_ADD, SUP_I_SUB, SUP_I_MUL, SUP_I_DIV, SUP_I_REM, SUP_I_LT, SUP_I_LE, SUP_I_GT, SUP_I_GE,
  SUP_I_NUM_EQ, SUP_I_NUM_NE, SUP_I_NEG, SUP_I_NOT, SUP_I_EQ, SUP_I_BIT_AND, SUP_I_BIT_OR, SUP_I_BIT_XOR,
  SUP_I_SHIFT_LEFT, SUP_I_SHIFT_RIGHT, SUP_I_ADD_INT, SUP_I_SUB_INT, SUP_I_MUL_INT, SUP_I_DIV_INT, SUP_I_MOD_INT,
  SUP_I_EQ_INT, SUP_I_ADD_REAL, SUP_I_SUB_REAL, SUP_I_MUL_REAL, SUP_I_DIV_REAL, SUP_I_EQ_REAL, SUP_I_QUOT,
  SUP_I_FLOOR_MOD, SUP_I_MIN, SUP_I_MAX, SUP_I_ABS, SUP_I_BIT_NOT, SUP_I_SHIFT_RIGHT_ZERO, SUP_I_INT_TO_REAL,
  SUP_I_REAL_TO_INT, SUP_I_SQRT
};

/* The arguments may be read until the function returns or makes a `call`. */
typedef sup_val (*sup_fn)(sup_ctx *ctx, uint32_t argc, const sup_val *argv);

typedef struct sup_prim {
  const char *name;     /* "add" */
  const char *sig;      /* "(a :int b :int) :int"; 'name: unevaluated; &opt, &rest */
  const char *doc;
  sup_fn fn;
  int16_t min_args;
  int16_t max_args;     /* -1: any number */
  uint32_t flags;
  uint32_t intrinsic;   /* 0: none */
  uint32_t capabilities; /* SUP_C_...: what it reaches outside of its isolate. 0 says nothing: SUP_PURE may, others then need
                            SUP_C_KERNEL */
} sup_prim;

typedef struct sup_type { /* type of a resource; its address is its identity */
  uint32_t size, version;
  const char *name;
  void (*drop)(void *data);                       /* once, on any thread; may be NULL */
  size_t (*extra_mem)(void *data);                /* bytes outside the heap; may be NULL */
  /* The two that follow call no host function; may be NULL. */
  size_t (*to_text)(void *data, uint8_t *out, size_t room); /* UTF-8, at most room bytes; how many. Shown as #<resource NAME TEXT> */
  void *(*takeover)(void *data, uint32_t old_version); /* what an older generation has left under this name: the data as this
                            generation has it, which frees it from now on, or NULL: it stays the older one's */
} sup_type;

typedef sup_val (*sup_build)(sup_ctx *ctx, void *data);
/* Goes on for a primitive: with a function's answer, or its error and is_error 1. Answers as a primitive does. */
typedef sup_val (*sup_continue)(sup_ctx *ctx, sup_val answer, int32_t is_error, void *data);

typedef struct sup_host { /* static for the process; test `size` before using newer fields */
  uint32_t size;
  uint16_t abi_major, abi_minor;

  /* ---- from any thread ---- */
  const void *(*extension)(const char *id);                       /* "sup.io/1", ... or NULL */
  void (*log)(int32_t level, sup_bytes message);                  /* 1 error 2 warning 3 information 4 detail */
  int32_t (*spawn)(void (*run)(void *), void (*drop)(void *), void *data); /* bounded pool; 0: full, nothing called */
  void (*unpin)(sup_ref);
  int32_t (*settle)(sup_promise, int32_t ok, sup_bytes encoded);  /* wire form; ok 0: an error value */
  int32_t (*settle_with)(sup_promise, sup_build make, void (*drop)(void *), void *data); /* made later, on the isolate's
                                                                     thread; drop is always called */
  int32_t (*settle_error)(sup_promise, const char *code, sup_bytes message);

  /* ---- the call ---- */
  void *(*state)(sup_ctx *);                                      /* what `load` made */
  uint64_t (*isolate)(sup_ctx *);                                 /* its number; never given out twice in a process */
  int32_t (*interrupted)(sup_ctx *);                              /* cancelled, out of fuel or time: return soon */
  sup_val (*raise)(sup_ctx *, const char *code, sup_bytes message);
  sup_val (*raise_value)(sup_ctx *, sup_val error);
  sup_val (*take_error)(sup_ctx *);                               /* after SUP_THROW; nil when none is pending */
  sup_val (*call)(sup_ctx *, sup_val function, uint32_t argc, const sup_val *argv); /* may move values */
  sup_slot (*slot)(sup_ctx *, sup_val);
  sup_val (*slot_get)(sup_ctx *, sup_slot);
  void (*slot_set)(sup_ctx *, sup_slot, sup_val);
  sup_ref (*pin)(sup_ctx *, sup_val);
  sup_val (*pinned)(sup_ctx *, sup_ref);                          /* raises for another isolate's */
  sup_val (*promise)(sup_ctx *, sup_promise *out);                /* its token; answers the handle that programs await */
  sup_val (*wait)(sup_ctx *, sup_val handle);                     /* `return h->wait(ctx, handle);` parks the fiber: the value
                                                                     of the promise becomes the primitive's (SUP_ASYNC) */
  sup_val (*tail_call)(sup_ctx *, sup_val function, uint32_t argc, const sup_val *argv); /* `return h->tail_call(...);` */

  /* ---- reading values ---- */
  uint32_t (*type_of)(sup_ctx *, sup_val);                        /* SUP_T_... */
  int32_t (*get_int)(sup_ctx *, sup_val, int64_t *);
  int32_t (*get_real)(sup_ctx *, sup_val, double *);
  int32_t (*get_text)(sup_ctx *, const sup_val *, sup_bytes *);   /* where the word lies: a short string lies in its word */
  int32_t (*get_bytes)(sup_ctx *, const sup_val *, sup_bytes *);  /* strings, bytes, buffers */
  int32_t (*get_name)(sup_ctx *, sup_val, sup_bytes *);           /* symbol, keyword, path; stays for ever */
  int32_t (*length)(sup_ctx *, sup_val, size_t *);
  int32_t (*list_at)(sup_ctx *, sup_val, size_t, sup_val *);      /* list, array, record instance */
  int32_t (*list_items)(sup_ctx *, sup_val, sup_val *out, size_t n);       /* copies the first n */
  int32_t (*map_get)(sup_ctx *, sup_val, sup_val key, sup_val *); /* map, table, fields of an error value */
  int32_t (*map_pairs)(sup_ctx *, sup_val, sup_val *out, size_t n_pairs); /* keys and values in turn, insertion order */
  int32_t (*inner)(sup_ctx *, sup_val, sup_val *);                /* of a quoted value, datum, aberrant or box */
  int32_t (*instance_name)(sup_ctx *, sup_val, sup_bytes *);
  int32_t (*callable)(sup_ctx *, sup_val);
  sup_val (*display)(sup_ctx *, sup_val);                         /* as `print` shows it: a string */
  sup_val (*repr)(sup_ctx *, sup_val);                            /* as it reads back: a string */
  int32_t (*equal)(sup_ctx *, sup_val, sup_val);                  /* deep, as `eq` */
  void *(*get_res)(sup_ctx *, sup_val, const sup_type *);         /* NULL on another type */

  /* ---- making values ---- */
  sup_val (*new_int)(sup_ctx *, int64_t);
  sup_val (*new_real)(sup_ctx *, double);
  sup_val (*new_text)(sup_ctx *, sup_bytes);                      /* UTF-8, else raises str/utf8 */
  sup_val (*new_bytes)(sup_ctx *, sup_bytes);
  sup_val (*new_symbol)(sup_ctx *, sup_bytes);
  sup_val (*new_keyword)(sup_ctx *, sup_bytes);                   /* without the colon */
  sup_val (*new_path)(sup_ctx *, sup_bytes);
  sup_val (*new_list)(sup_ctx *, uint32_t kind, const sup_val *, size_t);
  sup_val (*new_map)(sup_ctx *, const sup_val *keys_and_values, size_t n_pairs);
  sup_val (*new_error)(sup_ctx *, const char *code, sup_bytes message, sup_val data); /* not raised */
  sup_val (*new_res)(sup_ctx *, const sup_type *, void *data);    /* the host owns the data from now on */

  /* ---- wire form ---- */
  int32_t (*encode)(sup_ctx *, sup_val, sup_bytes *);             /* until the call returns; 0 after raising */
  sup_val (*decode)(sup_ctx *, sup_bytes);

  /* ---- added later ---- */
  int32_t (*post)(sup_ref function, sup_bytes encoded_list, sup_promise reply); /* any thread: the isolate of a pinned function
                                    calls it in a fiber of its own; its answer or error settles reply, unless that is 0. 0: the pin
                                    or its isolate is gone, or 65536 letters wait for it; reply is left open then */
  void (*log_as)(const char *kernel, int32_t level, sup_bytes message); /* any thread: as log, from a thread of one's own */
  sup_val (*call_then)(sup_ctx *, sup_val function, uint32_t argc, const sup_val *argv, sup_continue then,
                       void (*drop)(void *), void *data); /* `return h->call_then(...);` calls function in the primitive's place
                                    (SUP_ASYNC), which may wait for as long as it likes, then goes on; drop is always called, once */
} sup_host;

typedef struct sup_kernel {
  uint32_t magic, size;
  uint16_t abi_major, abi_minor;
  uint32_t value_layout;                    /* SUP_VALUE_LAYOUT */
  const char *name, *version;
  const char *const *needs;                 /* NULL-terminated extension ids; may be NULL */
  const sup_prim *prims;
  const sup_type *const *types;             /* may be NULL */
  uint32_t nprims, ntypes, prim_size;       /* prim_size: sizeof(sup_prim) */
  uint32_t state_version, flags, reserved;  /* flags, reserved: 0 */
  int32_t (*load)(const sup_host *, uint32_t old_version, sup_bytes old_state, void **state, sup_bytes *message);
  int32_t (*save)(void *state, int32_t (*put)(void *w, sup_bytes), void *w);
  int32_t (*quiesce)(void *state, uint64_t deadline_ns);  /* stop threads, refuse new work; 0: done */
  void (*unload)(void *state);
} sup_kernel;

/* ---- extensions: host services by name ---- */

#define SUP_IO "sup.io/1"
enum { SUP_STREAM_OUT = 1, SUP_STREAM_ERR = 2 };
typedef struct sup_io {
  uint32_t size, reserved;
  int32_t (*write)(sup_ctx *, uint32_t stream, sup_bytes);        /* 1, or 0 after raising */
  int32_t (*flush)(sup_ctx *, uint32_t stream);
  sup_val (*read_line)(sup_ctx *);                                /* a string, nil at the end, or a promise of one */
  sup_val (*arguments)(sup_ctx *);
  sup_val (*variable)(sup_ctx *, sup_bytes name);                 /* a string or nil */
} sup_io;

#define SUP_FILES "sup.files/1"
enum { SUP_ACCESS_READ = 1, SUP_ACCESS_WRITE = 2 };
typedef struct sup_files {
  uint32_t size, reserved;
  sup_val (*resolve)(sup_ctx *, sup_bytes path, uint32_t access); /* the path to open, or SUP_THROW */
} sup_files;

#define SUP_STORE "sup.store/1"
enum { SUP_SYNC = 0, SUP_WAL = 1, SUP_UNSAFE = 2 };
typedef struct sup_store_write { sup_bytes key, value; uint32_t del, reserved; } sup_store_write;
typedef struct sup_store { /* 1 yes, 0 no, -1 after raising */
  uint32_t size, reserved;
  int32_t (*open_memory)(sup_ctx *, sup_bytes name, uint64_t *store);
  int32_t (*open_disk)(sup_ctx *, sup_bytes name, sup_bytes path, uint64_t *store);
  int32_t (*find)(sup_ctx *, sup_bytes name, uint64_t *store);
  int32_t (*get)(sup_ctx *, uint64_t store, sup_bytes key, sup_bytes *value);
  int32_t (*write)(sup_ctx *, uint64_t store, const sup_store_write *, size_t, uint32_t durability);
  int32_t (*replace)(sup_ctx *, uint64_t store, sup_bytes key, sup_bytes before, sup_bytes after, uint32_t durability);
  int32_t (*scan)(sup_ctx *, uint64_t store, sup_bytes prefix, sup_bytes after, size_t limit,
                  int32_t (*visit)(void *w, sup_bytes key, sup_bytes value), void *w);
} sup_store;

/* Isolates that a kernel drives, and functions of the program as fibers that it polls, as Rust futures are polled. What is
 * called with a sup_isolate may be called only on the thread that drives it, until `drive` has returned, and not from inside
 * one of its fibers or of a function that makes or shows values for one; elsewhere it is logged and answers 0, SUP_UNKNOWN
 * or SUP_STOPPED. */
#define SUP_ISOLATE "sup.isolate/1"
#define SUP_FIBER "sup.fiber/1"
typedef struct sup_isolate sup_isolate;
typedef uint64_t sup_handler;  /* a function in one driven isolate; 0: none */
typedef uint64_t sup_fiber;    /* a fiber of one driven isolate, never given out twice in it; 0: none */

/* What is called when something is worth polling again. Any thread may call the functions; they take notice and return, and
 * use no isolate. The words are whatever they want. */
typedef struct sup_waker { const void *data, *more; const struct sup_waker_table *table; } sup_waker;
typedef struct sup_waker_table {
  uint32_t size, reserved;
  sup_waker (*clone)(const void *data, const void *more);  /* wakes the same, and is dropped by itself */
  void (*wake)(const void *data, const void *more);        /* any number of times */
  void (*drop)(const void *data, const void *more);        /* each clone once */
} sup_waker_table;

/* 0 and NULL: what the isolate has that starts it, which is also the most. */
typedef struct sup_isolate_options {
  uint32_t size, n_fibers;          /* fibers alive at once */
  uint64_t memory_bytes;            /* its heap */
  uint64_t fuel, deadline_ms;       /* the most that one of its fibers gets */
  const char *const *grants;        /* names such as "net"; NULL-terminated */
} sup_isolate_options;
/* Of a fiber and those that it spawns, together; 0: the isolate's. deadline_ns counts from its start. */
typedef struct sup_fiber_limits { uint32_t size, reserved; uint64_t fuel, deadline_ns, memory_bytes; } sup_fiber_limits;
typedef struct sup_usage { uint32_t size, reserved; uint64_t heap_bytes, n_fibers, n_driven; } sup_usage;

typedef void (*sup_drive)(sup_isolate *, void *data);
typedef void (*sup_enter)(sup_ctx *, void *data);
/* Writes at most `room` (8 at least) arguments and answers how many; -1 after raising. */
typedef int32_t (*sup_make_arguments)(sup_ctx *, sup_val *out, uint32_t room, void *data);
typedef void (*sup_visit_answer)(sup_ctx *, sup_val value, int32_t is_error, void *data);

enum { SUP_IDLE = 0, SUP_MORE = 1, SUP_STOPPED = 2, SUP_REPLACED = 4 };
typedef struct sup_isolates {
  uint32_t size, reserved;
  /* with the context of a call */
  sup_val (*start)(sup_ctx *, const sup_isolate_options *, sup_drive drive, void (*drop)(void *), void *data);
    /* An isolate with the caller's code, values and kernels, on a thread of its own, which is drive's until it returns.
     * Answers the handle that programs await (nil when drive has returned) and may cancel (poll answers SUP_STOPPED then).
     * drop is called once in every case, after drive. Raises isolate/too-many, capability/denied, isolate/option. */
  sup_ref (*share)(sup_ctx *, sup_val); /* a copy of a value, functions included, for the isolates of the program; `unpin`
                                           lets go of it, from any thread. 0 after raising isolate/not-sendable */
  /* on the thread that drives */
  sup_handler (*handler)(sup_isolate *, sup_ref shared);        /* 0: no function, or no shared value */
  sup_handler (*handler_named)(sup_isolate *, sup_bytes name);  /* what the variable module/name holds now */
  void (*drop_handler)(sup_isolate *, sup_handler);             /* its fibers go on */
  int32_t (*poll)(sup_isolate *, const sup_waker *);
    /* Opens letters (settled promises make fibers ready and wake their wakers), gives fibers that handlers have spawned a
     * slice each, ends fibers that have waited too long, adopts new generations of kernels. To be called first, and whenever
     * the waker was woken. Bits: SUP_MORE: there is more, and the waker was woken. SUP_STOPPED: return from drive; fibers end
     * with vm/interrupted. SUP_REPLACED: a newer generation of this kernel waits until drive returns. */
  int32_t (*enter)(sup_isolate *, sup_enter run, void *data);   /* a context in which values are made and read: 1 */
  void (*rest)(sup_isolate *);                                  /* nothing to do for a while: gives memory back */
  int32_t (*usage)(sup_isolate *, sup_usage *);
} sup_isolates;

enum { SUP_PENDING = 0, SUP_DONE = 1, SUP_UNKNOWN = -1 };
typedef struct sup_fibers { /* on the thread that drives */
  uint32_t size, reserved;
  sup_fiber (*start)(sup_isolate *, sup_handler, const sup_fiber_limits *, sup_make_arguments, void *data);
    /* Runs when it is polled. One that cannot begin (vm/fibers, vm/memory, what making its arguments raised) has ended with
     * that error. */
  int32_t (*poll)(sup_isolate *, sup_fiber, const sup_waker *);
    /* Runs it for at most a slice of about 200 microseconds. SUP_PENDING: the waker is woken when it can go on, at once if the
     * slice was used up. SUP_DONE: take it. */
  int32_t (*take)(sup_isolate *, sup_fiber, sup_visit_answer, void *data);
    /* Shows the answer or the error value (vm/fuel, vm/deadline, vm/memory, fiber/cancelled among them) and forgets the fiber:
     * 1, or 0 when it has not ended. */
  int32_t (*cancel)(sup_isolate *, sup_fiber);  /* raises fiber/cancelled in it, which no handler takes, and wakes it */
  void (*drop)(sup_isolate *, sup_fiber);       /* forgets it; it does not run again */
} sup_fibers;

/* Metrics, for the whole process, from any thread, in `load` too. Names are Prometheus'; labels are empty or name="value"
 * parted by commas. What is asked for again is the same series. 0: refused, which is logged; 0 takes everything without effect.
 * At most 4096 series. */
#define SUP_METRICS "sup.metrics/1"
typedef uint32_t sup_metric;
typedef struct sup_metrics {
  uint32_t size, reserved;
  sup_metric (*counter)(sup_bytes name, sup_bytes help, sup_bytes labels);
  sup_metric (*gauge)(sup_bytes name, sup_bytes help, sup_bytes labels);
  sup_metric (*histogram)(sup_bytes name, sup_bytes help, sup_bytes labels, const double *bounds, size_t n_bounds); /* <= 64 */
  void (*add)(sup_metric, double amount);    /* counter: not below zero; gauge */
  void (*set)(sup_metric, double value);     /* gauge */
  void (*observe)(sup_metric, double value); /* histogram */
} sup_metrics;

/* Native stages and addresses of pipes. Items and options are values in wire form. Records live until they were taken back with
 * `remove`, in `unload` at the latest; one that was found is good until then. Any thread may begin one and use it, one at a time.
 * No pipe uses them yet. */
#define SUP_STAGE "sup.stage/1"
enum { SUP_SCHEME_SOURCE = 1, SUP_SCHEME_SINK = 2 };
typedef int32_t (*sup_emit)(void *w, sup_bytes item);                                 /* 0, or stop */
typedef struct sup_stage {
  uint32_t size, version;
  const char *name, *sig, *doc;                                                        /* "kernel/name" */
  void *(*open)(void *data, sup_bytes options, sup_bytes *message);                    /* NULL after setting message */
  int32_t (*feed)(void *stage, sup_bytes item, sup_emit, void *w);                     /* 0, or it has failed */
  int32_t (*finish)(void *stage, sup_emit, void *w);                                   /* gives what is left; may be NULL */
  void (*close)(void *stage);                                                          /* once, whatever became of it */
  void *data;
} sup_stage;
typedef struct sup_scheme {
  uint32_t size, directions;                                                           /* SUP_SCHEME_... */
  const char *name, *doc;                                                              /* "tcp", for tcp://... */
  void *(*open_source)(void *data, sup_bytes address, sup_bytes *message);
  int32_t (*read)(void *source, sup_emit, void *w);                                    /* 1: more later, 0: the end, -1: failed */
  void *(*open_sink)(void *data, sup_bytes address, sup_bytes *message);
  int32_t (*write)(void *sink, sup_bytes item);                                        /* 0, or it has failed */
  void (*close)(void *);
  void *data;
} sup_scheme;
typedef struct sup_stages {
  uint32_t size, reserved;
  int32_t (*add_stage)(const sup_stage *);     /* 1; 0: refused, which is logged. The last of a name counts */
  int32_t (*add_scheme)(const sup_scheme *);
  int32_t (*remove)(const void *record);       /* 1; 0: it is not there */
  const sup_stage *(*stage)(sup_bytes name);   /* or NULL */
  const sup_scheme *(*scheme)(sup_bytes name);
  void (*each_stage)(int32_t (*visit)(void *w, const void *record), void *w); /* by name; visit answers 0 to go on */
  void (*each_scheme)(int32_t (*visit)(void *w, const void *record), void *w);
} sup_stages;

/* The only exported symbol. */
#if defined(_WIN32)
#define SUP_EXPORT __declspec(dllexport)
#else
#define SUP_EXPORT __attribute__((visibility("default")))
#endif
SUP_EXPORT const sup_kernel *sup_kernel_v1(const sup_host *host);

#ifdef __cplusplus
}
#endif

/* ---- conveniences ---- */

static inline sup_bytes sup_text(const char *text) {
  sup_bytes b;
  b.p = (const uint8_t *)text;
  b.n = strlen(text);
  return b;
}

/* Any integer as a value. */
static inline sup_val sup_int(const sup_host *h, sup_ctx *ctx, int64_t i) {
  return i >= SUP_FIXNUM_MIN && i <= SUP_FIXNUM_MAX ? sup_fixnum(i) : h->new_int(ctx, i);
}

/* The integer of a value; 0 when it is none. */
static inline int sup_get_int(const sup_host *h, sup_ctx *ctx, sup_val v, int64_t *out) {
  if (sup_is_fixnum(v)) {
    *out = sup_fixnum_value(v);
    return 1;
  }
  return h->get_int(ctx, v, out);
}

/* Any real as a value. */
static inline sup_val sup_real(const sup_host *h, sup_ctx *ctx, double d) {
  sup_val v;
  return sup_flonum(d, &v) ? v : h->new_real(ctx, d);
}

/* The real of a value; 0 when it is none. */
static inline int sup_get_real(const sup_host *h, sup_ctx *ctx, sup_val v, double *out) {
  if (sup_is_flonum(v)) {
    *out = sup_flonum_value(v);
    return 1;
  }
  return h->get_real(ctx, v, out);
}

#endif
