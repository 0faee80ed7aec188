// sketch: about how many different texts there are, by HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007) with 4096 registers of a byte: the
// standard error is 1.6 %. Shows a kernel in C++: a resource, work on the host's pool, and state that is handed to the next generation when
// the kernel is swapped. sup_kernel.h is the contract; no exception may leave a function that the host calls.
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <vector>
#include "sup_kernel.h"

namespace {

const sup_host *host;

class Sketch {
 public:
  static constexpr std::size_t n_registers = 4096;

  void add(std::string_view text) {
    const std::uint64_t hash = hash_of(text);
    const std::size_t place = hash % n_registers;
    std::uint8_t rank = 1;
    for (std::uint64_t rest = hash / n_registers; rank <= 52 && !(rest & 1); rest >>= 1) rank++;
    if (registers[place] < rank) registers[place] = rank;
  }

  std::int64_t count() const {
    double sum = 0, n_empty = 0;
    for (const std::uint8_t rank : registers) {
      sum += std::ldexp(1.0, -rank);
      n_empty += rank == 0;
    }
    constexpr double m = n_registers, alpha = 0.7213 / (1 + 1.079 / m);
    const double raw = alpha * m * m / sum;
    // Small numbers are counted by the registers that are empty still.
    return std::llround(raw <= 2.5 * m && n_empty > 0 ? m * std::log(m / n_empty) : raw);
  }

  std::array<std::uint8_t, n_registers> registers{};

 private:
  // FNV-1a, and the finisher of splitmix64, since FNV's low bits alone are not even enough.
  static std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const unsigned char byte : text) hash = (hash ^ byte) * 0x100000001b3u;
    hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9u;
    hash = (hash ^ hash >> 27) * 0x94d049bb133111ebu;
    return hash ^ hash >> 31;
  }
};

// One for each generation: sketches that were kept under names, used by all isolates.
struct State {
  std::mutex lock;
  std::map<std::string, Sketch> kept;
};

const sup_type sketch_type = {sizeof(sup_type), 1, "sketch", [](void *data) { delete static_cast<Sketch *>(data); },
                              [](void *) { return sizeof(Sketch); }, nullptr, nullptr};

sup_val mismatch(sup_ctx *ctx, const char *message) { return host->raise(ctx, "type/mismatch", sup_text(message)); }

Sketch *sketch_of(sup_ctx *ctx, sup_val value) { return static_cast<Sketch *>(host->get_res(ctx, value, &sketch_type)); }

std::string_view view(sup_bytes bytes) { return {reinterpret_cast<const char *>(bytes.p), bytes.n}; }

sup_val as_resource(sup_ctx *ctx, std::unique_ptr<Sketch> sketch) { return host->new_res(ctx, &sketch_type, sketch.release()); }

// Every primitive goes through here: what is thrown becomes an error of the language.
template <sup_val (*body)(sup_ctx *, const sup_val *)>
sup_val guarded(sup_ctx *ctx, std::uint32_t, const sup_val *argv) {
  try {
    return body(ctx, argv);
  } catch (const std::bad_alloc &) {
    return host->raise(ctx, "vm/memory", sup_text("there is no memory for the work"));
  } catch (...) {
    return host->raise(ctx, "sketch/failed", sup_text("an exception of C++ was thrown"));
  }
}

sup_val start(sup_ctx *ctx, const sup_val *) { return as_resource(ctx, std::make_unique<Sketch>()); }

sup_val add(sup_ctx *ctx, const sup_val *argv) {
  Sketch *sketch = sketch_of(ctx, argv[0]);
  sup_bytes text;
  if (!sketch) return mismatch(ctx, "add takes a sketch first");
  if (!host->get_text(ctx, &argv[1], &text)) return mismatch(ctx, "add takes a text");
  sketch->add(view(text));
  return argv[0];
}

sup_val count(sup_ctx *ctx, const sup_val *argv) {
  const Sketch *sketch = sketch_of(ctx, argv[0]);
  return sketch ? sup_int(host, ctx, sketch->count()) : mismatch(ctx, "count takes a sketch");
}

// Work on the pool: the texts are copied first, since values belong to the isolate's thread.
struct Job {
  sup_promise promise;
  std::vector<std::string> texts;
  std::unique_ptr<Sketch> sketch = std::make_unique<Sketch>();

  static void run(void *data) {
    auto *job = static_cast<Job *>(data);
    for (const std::string &text : job->texts) job->sketch->add(text);
    host->settle_with(job->promise, answer, drop, job);
  }
  static sup_val answer(sup_ctx *ctx, void *data) { return as_resource(ctx, std::move(static_cast<Job *>(data)->sketch)); }
  static void drop(void *data) { delete static_cast<Job *>(data); }
  static void give_up(void *data) {
    std::unique_ptr<Job> job(static_cast<Job *>(data));
    host->settle_error(job->promise, "kernel/dropped", sup_text("the work was given up"));
  }
};

sup_val of(sup_ctx *ctx, const sup_val *argv) {
  auto job = std::make_unique<Job>();
  std::size_t n_texts;
  if (!host->length(ctx, argv[0], &n_texts)) return mismatch(ctx, "of takes a list of texts");
  job->texts.reserve(n_texts);
  for (std::size_t i = 0; i < n_texts; i++) {
    sup_val value;
    sup_bytes text;
    if (!host->list_at(ctx, argv[0], i, &value) || !host->get_text(ctx, &value, &text))
      return mismatch(ctx, "of takes a list of texts");
    job->texts.emplace_back(view(text));
  }
  const sup_val handle = host->promise(ctx, &job->promise);
  if (handle == SUP_THROW) return handle;
  if (!host->spawn(Job::run, Job::give_up, job.get()))
    return host->raise(ctx, "kernel/busy", sup_text("the pool for work is full"));
  job.release();  // it belongs to the pool now
  return host->wait(ctx, handle);
}

sup_val keep(sup_ctx *ctx, const sup_val *argv) {
  const Sketch *sketch = sketch_of(ctx, argv[1]);
  sup_bytes name;
  if (!host->get_text(ctx, &argv[0], &name)) return mismatch(ctx, "keep takes a name first");
  if (!sketch) return mismatch(ctx, "keep takes a sketch");
  auto *state = static_cast<State *>(host->state(ctx));
  const std::lock_guard<std::mutex> locked(state->lock);
  state->kept.insert_or_assign(std::string(view(name)), *sketch);
  return argv[1];
}

sup_val kept(sup_ctx *ctx, const sup_val *argv) {
  sup_bytes name;
  if (!host->get_text(ctx, &argv[0], &name)) return mismatch(ctx, "kept takes a name");
  auto *state = static_cast<State *>(host->state(ctx));
  std::unique_ptr<Sketch> copy;
  {
    const std::lock_guard<std::mutex> locked(state->lock);
    const auto found = state->kept.find(std::string(view(name)));
    if (found == state->kept.end()) return SUP_NIL;
    copy = std::make_unique<Sketch>(found->second);
  }
  return as_resource(ctx, std::move(copy));
}

// What `save` writes: for each sketch the length of its name in 8 bytes, the name, and the registers.
std::int32_t load(const sup_host *, std::uint32_t version, sup_bytes saved, void **made, sup_bytes *message) try {
  auto state = std::make_unique<State>();
  std::string_view rest = view(saved);
  while (!rest.empty()) {
    std::uint64_t length = 0;
    Sketch sketch;
    if (version == 1 && rest.size() >= sizeof length) memcpy(&length, rest.data(), sizeof length);
    if (length == 0 || length > rest.size() || rest.size() - length < sizeof length + sizeof sketch.registers) {
      *message = sup_text("what the generation before has saved is not of version 1");
      return 1;
    }
    memcpy(sketch.registers.data(), rest.data() + sizeof length + length, sizeof sketch.registers);
    state->kept.emplace(rest.substr(sizeof length, length), sketch);
    rest.remove_prefix(sizeof length + length + sizeof sketch.registers);
  }
  *made = state.release();
  return 0;
} catch (...) {
  *message = sup_text("there is no memory for the state");
  return 1;
}

std::int32_t save(void *data, std::int32_t (*put)(void *, sup_bytes), void *writer) {
  auto *state = static_cast<State *>(data);
  const std::lock_guard<std::mutex> locked(state->lock);
  const auto bytes = [](const void *p, std::size_t n) { return sup_bytes{static_cast<const std::uint8_t *>(p), n}; };
  for (const auto &[name, sketch] : state->kept) {
    const std::uint64_t length = name.size();
    if (put(writer, bytes(&length, sizeof length)) != 0 || put(writer, bytes(name.data(), name.size())) != 0 ||
        put(writer, bytes(sketch.registers.data(), sizeof sketch.registers)) != 0)
      return 1;
  }
  return 0;
}

void unload(void *state) { delete static_cast<State *>(state); }

const sup_prim prims[] = {
  {"start", "() :resource", "A sketch of no texts.", guarded<start>, 0, 0, SUP_MT, 0, 0},
  {"add", "(sketch :resource text :str) :resource", "Adds a text; answers the sketch.", guarded<add>, 2, 2, SUP_MT, 0, 0},
  {"count", "(sketch :resource) :int", "About how many different texts were added.", guarded<count>, 1, 1, SUP_MT, 0, 0},
  {"of", "(texts :list) :resource", "The sketch of many texts, made on another thread while the fiber waits.", guarded<of>, 1, 1,
   SUP_ASYNC | SUP_BLOCKING | SUP_MT, 0, 0},
  {"keep", "(name :str sketch :resource) :resource", "Keeps a copy under a name, for all isolates and the next generation; answers the sketch.",
   guarded<keep>, 2, 2, SUP_MT, 0, 0},
  {"kept", "(name :str) :any", "A copy of what was kept under a name, or nil.", guarded<kept>, 1, 1, SUP_MT, 0, 0}};
const sup_type *const types[] = {&sketch_type};

const sup_kernel kernel = [] {
  sup_kernel table = {};
  table.magic = SUP_MAGIC;
  table.size = sizeof(sup_kernel);
  table.abi_major = SUP_ABI_MAJOR;
  table.abi_minor = SUP_ABI_MINOR;
  table.value_layout = SUP_VALUE_LAYOUT;
  table.name = "sketch";
  table.version = "0.1.0";
  table.prims = prims;
  table.nprims = sizeof prims / sizeof *prims;
  table.prim_size = sizeof(sup_prim);
  table.types = types;
  table.ntypes = 1;
  table.state_version = 1;
  table.load = load;
  table.save = save;
  table.unload = unload;
  return table;
}();

}  // namespace

const sup_kernel *sup_kernel_v1(const sup_host *given) {
  host = given;
  return &kernel;
}
