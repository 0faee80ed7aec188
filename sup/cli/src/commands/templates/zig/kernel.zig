//! The kernel @name@. sup_kernel.h is the contract; the module `sup` is its translation.

const std = @import("std");
const sup = @import("sup");

const Context = ?*sup.sup_ctx;
const Arguments = [*c]const sup.sup_val;
const allocator = std.heap.c_allocator;

/// The largest `below` of count-primes.
const max_below = 1_000_000_000;

var host: *const sup.sup_host = undefined;

fn raise(ctx: Context, code: [*c]const u8, message: [*c]const u8) sup.sup_val {
    return host.raise.?(ctx, code, sup.sup_text(message));
}

fn int(ctx: Context, value: sup.sup_val) ?i64 {
    var number: i64 = undefined;
    return if (sup.sup_get_int(host, ctx, value, &number) != 0) number else null;
}

fn overflow(ctx: Context) sup.sup_val {
    return raise(ctx, "alu/overflow", "the integer does not fit into 64 bits");
}

/// A primitive takes values, and answers one or raises. The host has counted the arguments.
fn add(ctx: Context, _: u32, argv: Arguments) callconv(.c) sup.sup_val {
    const a = int(ctx, argv[0]) orelse return raise(ctx, "type/mismatch", "add takes integers");
    const b = int(ctx, argv[1]) orelse return raise(ctx, "type/mismatch", "add takes integers");
    const sum = std.math.add(i64, a, b) catch return overflow(ctx);
    return sup.sup_int(host, ctx, sum);
}

/// Data behind a handle that programs hold; dropped when nothing holds it any more.
const Counter = struct {
    count: i64,

    const kind = sup.sup_type{ .size = @sizeOf(sup.sup_type), .version = 1, .name = "counter", .drop = drop };

    fn drop(data: ?*anyopaque) callconv(.c) void {
        allocator.destroy(of(data.?));
    }

    fn of(data: *anyopaque) *Counter {
        return @ptrCast(@alignCast(data));
    }
};

fn newCounter(ctx: Context, _: u32, argv: Arguments) callconv(.c) sup.sup_val {
    const start = int(ctx, argv[0]) orelse return raise(ctx, "type/mismatch", "counter takes an integer");
    const counter = allocator.create(Counter) catch return raise(ctx, "vm/memory", "there is no memory for a counter");
    counter.* = .{ .count = start };
    return host.new_res.?(ctx, &Counter.kind, counter);
}

fn next(ctx: Context, _: u32, argv: Arguments) callconv(.c) sup.sup_val {
    const data = host.get_res.?(ctx, argv[0], &Counter.kind) orelse return raise(ctx, "type/mismatch", "next takes a counter");
    const counter = Counter.of(data);
    counter.count = std.math.add(i64, counter.count, 1) catch return overflow(ctx);
    return sup.sup_int(host, ctx, counter.count);
}

/// Work on another thread: the fiber that asked waits for the promise, and the others run.
const Job = struct {
    promise: sup.sup_promise,
    below: i64,
    count: i64 = 0,

    fn of(data: ?*anyopaque) *Job {
        return @ptrCast(@alignCast(data.?));
    }

    fn drop(data: ?*anyopaque) callconv(.c) void {
        allocator.destroy(of(data));
    }

    fn answer(ctx: Context, data: ?*anyopaque) callconv(.c) sup.sup_val {
        return sup.sup_int(host, ctx, of(data).count);
    }

    fn run(data: ?*anyopaque) callconv(.c) void {
        const job = of(data);
        var n: i64 = 2;
        while (n < job.below) : (n += 1) {
            if (isPrime(n)) job.count += 1;
        }
        _ = host.settle_with.?(job.promise, answer, drop, job);
    }

    /// Called instead of `run` when it will never run.
    fn giveUp(data: ?*anyopaque) callconv(.c) void {
        _ = host.settle_error.?(of(data).promise, "kernel/dropped", sup.sup_text("the work was given up"));
        drop(data);
    }
};

fn isPrime(n: i64) bool {
    var d: i64 = 2;
    while (d * d <= n) : (d += 1) {
        if (@rem(n, d) == 0) return false;
    }
    return true;
}

fn countPrimes(ctx: Context, _: u32, argv: Arguments) callconv(.c) sup.sup_val {
    const below = int(ctx, argv[0]) orelse return raise(ctx, "type/mismatch", "count-primes takes an integer");
    if (below > max_below) return raise(ctx, "@name@/too-many", "count-primes takes at most 1000000000");
    var promise: sup.sup_promise = undefined;
    const handle = host.promise.?(ctx, &promise);
    if (handle == sup.SUP_THROW) return handle;
    const job = allocator.create(Job) catch return raise(ctx, "vm/memory", "there is no memory for the work");
    job.* = .{ .promise = promise, .below = below };
    if (host.spawn.?(Job.run, Job.giveUp, job) == 0) {
        allocator.destroy(job);
        return raise(ctx, "kernel/busy", "the pool for work is full");
    }
    return host.wait.?(ctx, handle);
}

const prims = [_]sup.sup_prim{
    .{ .name = "add", .sig = "(a :int b :int) :int", .doc = "Sum of two integers; raises `alu/overflow`.", .@"fn" = add, .min_args = 2, .max_args = 2, .flags = sup.SUP_PURE | sup.SUP_LEAF | sup.SUP_MT },
    .{ .name = "counter", .sig = "(start :int) :resource", .doc = "A counter that starts there.", .@"fn" = newCounter, .min_args = 1, .max_args = 1, .flags = sup.SUP_MT },
    .{ .name = "next", .sig = "(counter :resource) :int", .doc = "Counts one on, and answers the count; raises `alu/overflow`.", .@"fn" = next, .min_args = 1, .max_args = 1, .flags = sup.SUP_MT },
    .{ .name = "count-primes", .sig = "(below :int) :int", .doc = "How many primes are less than `below`, counted on another thread while the fiber waits; raises `@name@/too-many` above 1000000000.", .@"fn" = countPrimes, .min_args = 1, .max_args = 1, .flags = sup.SUP_ASYNC | sup.SUP_BLOCKING | sup.SUP_MT },
};
const types = [_][*c]const sup.sup_type{&Counter.kind};

const kernel = sup.sup_kernel{
    .magic = sup.SUP_MAGIC,
    .size = @sizeOf(sup.sup_kernel),
    .abi_major = sup.SUP_ABI_MAJOR,
    .abi_minor = sup.SUP_ABI_MINOR,
    .value_layout = sup.SUP_VALUE_LAYOUT,
    .name = "@name@",
    .version = "0.1.0",
    .prims = &prims,
    .nprims = prims.len,
    .prim_size = @sizeOf(sup.sup_prim),
    .types = &types,
    .ntypes = types.len,
};

/// The only symbol that is exported.
export fn sup_kernel_v1(given: [*c]const sup.sup_host) callconv(.c) [*c]const sup.sup_kernel {
    host = given;
    return &kernel;
}
