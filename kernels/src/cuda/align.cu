// `align-v1` on a GPU: the same roundings in the same order as `cpu.rs`, so the same bits.
//
// A chunk of 4096 numbers belongs to 64 lanes; lane `l` adds numbers `l`, `l + 64`, `l + 128`, ...
// A thread holds WIDTH lanes, so a group of 64 / WIDTH threads holds a chunk. Lanes never meet before the
// tree, so who holds which one is free: a thread has one four of neighbours, or two that are APART. With
// four directions, neighbouring threads had better read neighbouring sixteen bytes of each: the second
// four is 32 lanes on. With one, it is the next four, so that a row is read in fewer, longer pieces.
//
// This file includes nothing: NVRTC alone compiles it, with -DROW=... for one type of row at a time.
// Every operation on floats is an intrinsic that rounds once, so no flag can fuse or flush it.

typedef unsigned char byte;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

constexpr u32 CHUNK = 4096;
constexpr u32 LANES = 64;
constexpr u32 WARP = 32;

// What a thread reads of a row is read once by the whole device: it should not push the directions,
// which all rows share, out of the cache. Hence `__ldcs` for rows and `__ldg` for directions.
//
// `fetch` reads memory and `decode` makes numbers of what was read: a thread fetches for several steps
// before it decodes for the first, or it would wait for memory at each. A fetch is for two steps: 128
// numbers, which have one scale where a type has scales. `at` is where the thread's first lane is.

template <u32 APART> __device__ uint4 two_pairs(const uint2 *from) {
    if (APART == 4) return __ldcs(reinterpret_cast<const uint4 *>(from));
    const uint2 a = __ldcs(from), b = __ldcs(from + APART / 4);
    return {a.x, a.y, b.x, b.y};
}

template <u32 APART> __device__ uint2 two(const u32 *from) {
    if (APART == 4) return __ldcs(reinterpret_cast<const uint2 *>(from));
    return {__ldcs(from), __ldcs(from + APART / 4)};
}

struct F32 {
    static constexpr u32 WIDTH = 4;
    struct Fetched {
        float4 steps[2];
    };
    static __device__ u64 row_bytes(u64 width) { return width * 4; }
    template <u32> static __device__ Fetched fetch(const byte *row, u64, u64 at) {
        const float4 *const from = reinterpret_cast<const float4 *>(row + at * 4);
        return {{__ldcs(from), __ldcs(from + 16)}};
    }
    static __device__ void decode(const Fetched &fetched, u32 step, float (&x)[WIDTH]) {
        const float4 &four = fetched.steps[step];
        x[0] = four.x, x[1] = four.y, x[2] = four.z, x[3] = four.w;
    }
};

struct Bf16 {
    static constexpr u32 WIDTH = 8;
    struct Fetched {
        uint4 steps[2];
    };
    static __device__ u64 row_bytes(u64 width) { return width * 2; }
    template <u32 APART> static __device__ Fetched fetch(const byte *row, u64, u64 at) {
        const uint2 *const from = reinterpret_cast<const uint2 *>(row + at * 2);
        return {{two_pairs<APART>(from), two_pairs<APART>(from + 16)}};
    }
    static __device__ void decode(const Fetched &fetched, u32 step, float (&x)[WIDTH]) {
        const uint4 &eight = fetched.steps[step];
        const u32 pairs[4] = {eight.x, eight.y, eight.z, eight.w};
#pragma unroll
        for (u32 i = 0; i < 4; ++i) {
            x[2 * i] = __uint_as_float(pairs[i] << 16);
            x[2 * i + 1] = __uint_as_float(pairs[i] & 0xffff0000u);
        }
    }
};

// The conversion is exact, subnormals included; its intrinsic is in a header that NVRTC may not have.
__device__ float from_f16(u16 bits) {
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    return x;
}

struct F16 : Bf16 {
    static __device__ void decode(const Fetched &fetched, u32 step, float (&x)[WIDTH]) {
        const uint4 &eight = fetched.steps[step];
        const u32 pairs[4] = {eight.x, eight.y, eight.z, eight.w};
#pragma unroll
        for (u32 i = 0; i < 4; ++i) {
            x[2 * i] = from_f16(static_cast<u16>(pairs[i]));
            x[2 * i + 1] = from_f16(static_cast<u16>(pairs[i] >> 16));
        }
    }
};

// Blocks of 128 signed bytes; their scales stand behind the row's last byte.
struct Int8 {
    static constexpr u32 WIDTH = 8;
    struct Fetched {
        uint2 steps[2];
        float scale;
    };
    static __device__ u64 row_bytes(u64 width) { return width + width / 32; }
    template <u32 APART> static __device__ Fetched fetch(const byte *row, u64 width, u64 at) {
        const u32 *const from = reinterpret_cast<const u32 *>(row + at);
        return {{two<APART>(from), two<APART>(from + 16)},
                __ldg(reinterpret_cast<const float *>(row + width) + at / 128)};
    }
    static __device__ void decode(const Fetched &fetched, u32 step, float (&x)[WIDTH]) {
        const u32 fours[2] = {fetched.steps[step].x, fetched.steps[step].y};
#pragma unroll
        for (u32 i = 0; i < 8; ++i) {
            // 2^23 + 128 + q, exactly: the byte, its sign turned, ends the fraction. A conversion is slower.
            const u32 bytes = fours[i / 4] ^ 0x80808080u;
            const float above = __uint_as_float(__byte_perm(bytes, 0x4b000000u, 0x7540u + i % 4));
            x[i] = __fmul_rn(fetched.scale, __fadd_rn(above, -8388736.0f));
        }
    }
};

// Reads four neighbours of what all rows share.
__device__ void shared_four(const float *from, float (&to)[4]) {
    const float4 four = __ldg(reinterpret_cast<const float4 *>(from));
    to[0] = four.x, to[1] = four.y, to[2] = four.z, to[3] = four.w;
}

// Leaves, in the group's first thread, the sum of 64 lanes in the first: `l` takes `l + 32`, `l + 16`, ...
// `l + 1`. The thread has HELD left; the next thread's first is NEXT lanes on.
template <u32 APART, u32 NEXT, u32 HALF, u32 HELD, u32 WIDTH> __device__ void join(float (&lanes)[WIDTH]) {
    constexpr bool here = HALF < NEXT || (WIDTH > 4 && HALF == APART);
    constexpr u32 left = here ? HELD / 2 : HELD;
#pragma unroll
    for (u32 i = 0; i < left; ++i) {
        const float other =
            here ? lanes[(i + left) % WIDTH] : __shfl_down_sync(0xffffffffu, lanes[i], HALF / NEXT);
        lanes[i] = __fadd_rn(lanes[i], other);
    }
    if constexpr (HALF > 1) join<APART, NEXT, HALF / 2, left>(lanes);
}

// Writes the sums of each chunk of each row: partials[sum][row][chunk], the sums being the products with
// the directions and then the squared norm.
//
// A group takes ROWS rows at a time, so that a direction is read once for all of them; neighbouring
// groups take neighbouring rows of the same chunk, for the same reason.
template <class Row, u32 DIRECTIONS, u32 ROWS, bool WEIGHTED>
__device__ void sums(const byte *rows, u64 count, u64 width, const float *directions,
                     const float *weights, float *partials) {
    constexpr u32 WIDTH = Row::WIDTH;
    constexpr u32 GROUP = LANES / WIDTH;
    constexpr u32 APART = DIRECTIONS == 1 ? 4 : 32;
    const u64 chunks = (width + CHUNK - 1) / CHUNK;
    // 2^32 groups would be terabytes of rows in one batch; to divide longer numbers takes as long as several
    // steps.
    const u32 tiles = static_cast<u32>((count + ROWS - 1) / ROWS);
    const u32 item = blockIdx.x * (blockDim.x / GROUP) + threadIdx.x / GROUP;
    const u64 chunk = item / tiles;
    const u64 first = static_cast<u64>(item % tiles) * ROWS;
    const u32 lane = threadIdx.x % GROUP * (APART == 4 ? WIDTH : 4);
    const bool idle = chunk >= chunks;

    const byte *row[ROWS];
#pragma unroll
    for (u32 r = 0; r < ROWS; ++r) {
        // The last tile may hang over: it reads the last row again, and writes it once.
        row[r] = rows + (first + r < count ? first + r : count - 1) * Row::row_bytes(width);
    }

    float dot[ROWS][DIRECTIONS][WIDTH] = {};
    float norm2[ROWS][WIDTH] = {};
    // An idle group goes straight to the tree, in which whole warps take part.
    const u64 begin = idle ? 0 : chunk * CHUNK;
    const u64 end = idle ? 0 : (begin + CHUNK < width ? begin + CHUNK : width);
    // A row is padded to a multiple of 512, so steps of 64 come in eights and none is cut off.
    constexpr u32 PAIRS = DIRECTIONS == 1 ? 2 : 1;
    for (u64 block = begin + lane; block < end; block += PAIRS * 2 * LANES) {
        typename Row::Fetched fetched[PAIRS][ROWS];
#pragma unroll
        for (u32 pair = 0; pair < PAIRS; ++pair) {
#pragma unroll
            for (u32 r = 0; r < ROWS; ++r) {
                fetched[pair][r] = Row::template fetch<APART>(row[r], width, block + pair * 2 * LANES);
            }
        }
#pragma unroll
        for (u32 step = 0; step < 2 * PAIRS; ++step) {
            const u64 at = block + step * LANES;
            float x[ROWS][WIDTH];
#pragma unroll
            for (u32 r = 0; r < ROWS; ++r) Row::decode(fetched[step / 2][r], step % 2, x[r]);
#pragma unroll
            for (u32 four = 0; four < WIDTH; four += 4) {
                const u64 place = at + four / 4 * APART;
                float v[DIRECTIONS][4], w[4];
#pragma unroll
                for (u32 d = 0; d < DIRECTIONS; ++d) shared_four(directions + d * width + place, v[d]);
                if (WEIGHTED) shared_four(weights + place, w);
#pragma unroll
                for (u32 r = 0; r < ROWS; ++r) {
#pragma unroll
                    for (u32 i = 0; i < 4; ++i) {
                        const u32 l = four + i;
                        const float y = x[r][l];
#pragma unroll
                        for (u32 d = 0; d < DIRECTIONS; ++d) {
                            dot[r][d][l] = __fmaf_rn(y, v[d][i], dot[r][d][l]);
                        }
                        norm2[r][l] = __fmaf_rn(WEIGHTED ? __fmul_rn(y, w[i]) : y, y, norm2[r][l]);
                    }
                }
            }
        }
    }

#pragma unroll
    for (u32 r = 0; r < ROWS; ++r) {
        const bool writes = lane == 0 && !idle && first + r < count;
#pragma unroll
        for (u32 d = 0; d <= DIRECTIONS; ++d) {
            float(&lanes)[WIDTH] = d < DIRECTIONS ? dot[r][d] : norm2[r];
            join<APART, APART == 4 ? WIDTH : 4, LANES / 2, WIDTH>(lanes);
            if (writes) partials[(d * count + first + r) * chunks + chunk] = lanes[0];
        }
    }
}

// The last number is how many blocks are to fit on a multiprocessor. So few leave a thread registers for
// all that it fetches before it computes; asked for nothing, the compiler waits for memory more often.
#define KERNEL(name, directions_at_once, rows_at_once, weighted, blocks)                                 \
    extern "C" __global__ void __launch_bounds__(128, blocks)                                            \
        name(const byte *rows, u64 count, u64 width, const float *directions, const float *weights,      \
             float *partials) {                                                                          \
        sums<ROW, directions_at_once, rows_at_once, weighted>(rows, count, width, directions, weights,   \
                                                              partials);                                 \
    }

KERNEL(sums_1, 1, 2, false, 4)
KERNEL(sums_4, 4, ROW::WIDTH == 4 ? 2 : 1, false, 3)
KERNEL(weighted_1, 1, 2, true, 3)
KERNEL(weighted_4, 4, ROW::WIDTH == 4 ? 2 : 1, true, 3)

// Adds the partial sums of each row to its total, in the order of chunks: totals[sum][first + row], of
// `all` rows. A warp per total: it reads 32 partials at once, and adds them one by one.
extern "C" __global__ void __launch_bounds__(128)
    total(const float *partials, u64 sums, u64 count, u64 chunks, double *totals, u64 all, u64 first) {
    const u64 which = (static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x) / WARP;
    const u32 lane = threadIdx.x % WARP;
    if (which >= sums * count) return;
    double *const place = totals + which / count * all + first + which % count;
    double sum = *place;
    for (u64 begin = 0; begin < chunks; begin += WARP) {
        // Zero behind the last chunk: no sum is -0, so adding it changes no bit.
        const float mine = begin + lane < chunks ? partials[which * chunks + begin + lane] : 0.0f;
#pragma unroll
        for (u32 i = 0; i < WARP; ++i) {
            sum = __dadd_rn(sum, static_cast<double>(__shfl_sync(0xffffffffu, mine, i)));
        }
    }
    if (lane == 0) *place = sum;
}
