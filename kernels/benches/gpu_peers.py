"""What torch takes for the same sums on a GPU. `benches/gpu.rs` starts this program.

    SSWE_PEERS=python3 cargo bench -p sswe-kernels --bench gpu

Arguments: rows, numbers of each, runs. Prints a line each: type, directions, milliseconds of the products
(cuBLAS) and the norms of rows that lie on the device, the median of so many runs; then, as `host`, type,
milliseconds of the same from rows in the host's memory, pageable and pinned.
"""

import statistics
import sys
import time

import torch

ROWS, DIM, RUNS = map(int, sys.argv[1:])
TYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


def median(work):
    work()
    times = []
    for _ in range(RUNS):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times)


def wall(work):
    work()
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(times)


def main():
    torch.manual_seed(1)
    for name, dtype in TYPES.items():
        a = (torch.rand(ROWS, DIM, device="cuda") - 0.5).to(dtype)
        many = (torch.rand(DIM, 32, device="cuda") - 0.5).to(dtype)
        for count in (1, 4, 32):
            v = many[:, 0].contiguous() if count == 1 else many[:, :count].contiguous()
            both = lambda: (a @ v, torch.linalg.vector_norm(a, dim=1))
            print(name, count, median(both), flush=True)
        v = many[:, 0].contiguous()
        host = a.cpu()

        def from_host(host):
            there = host.to("cuda", non_blocking=True)
            return (there @ v).cpu(), torch.linalg.vector_norm(there, dim=1).cpu()

        pageable = wall(lambda: from_host(host))
        pinned = host.pin_memory()
        print("host", name, pageable, wall(lambda: from_host(pinned)), flush=True)
        del a, many, v, host, pinned
        torch.cuda.empty_cache()


main()
