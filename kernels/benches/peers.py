"""Does what the bench asks for in numpy and torch, as far as they are installed.

    SSWE_PEERS=python3 cargo bench -p sswe-kernels --bench align

The bench starts this program, and lets it and its own kernels take turns on the same rows. Argument: the
folder of `rows.f32`, `direction.f32` and `directions.f32`, and how many numbers a row has. It prints one
line for each contender (threads, bytes it reads, products it adds, name), then `go`; for each number that
it reads it runs that contender and answers with the seconds of processor time that went by.
"""

import os
import sys
import time

import numpy as np

FOLDER, DIM = sys.argv[1], int(sys.argv[2])
CONTENDERS = []


def add(name, threads, size, products, work):
    CONTENDERS.append(work)
    print(f"{threads} {size} {products} {name}", flush=True)


def read(name):
    return np.fromfile(os.path.join(FOLDER, name), dtype="<f4").reshape(-1, DIM)


def main():
    threads = int(os.environ["OMP_NUM_THREADS"])
    x, v, many = read("rows.f32"), read("direction.f32")[0], read("directions.f32")
    size, numbers = x.nbytes, x.size
    add(
        "f32 numpy",
        threads,
        size,
        numbers,
        lambda: x @ v / np.sqrt(np.einsum("ij,ij->i", x, x)),
    )
    add("f32 numpy, no norm", threads, size, numbers, lambda: x @ v)
    for count in (4, 8, 16, 34):
        some = np.ascontiguousarray(many[:count])
        add(f"f32 numpy V={count}", threads, size, numbers * count, lambda some=some: x @ some.T)
    try:
        import torch
    except ImportError:
        torch = None
        print("torch is not installed", file=sys.stderr)
    if torch is not None:
        torch.set_num_threads(threads)
        for short, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
            a, b = torch.from_numpy(x).to(dtype), torch.from_numpy(v).to(dtype)
            size = a.numel() * a.element_size()
            norms = lambda a=a, b=b: (a @ b) / torch.linalg.vector_norm(a, dim=1)
            add(f"{short} torch", threads, size, numbers, norms)
            add(f"{short} torch, no norm", threads, size, numbers, lambda a=a, b=b: a @ b)
    print("go", flush=True)
    for line in sys.stdin:
        begun = time.process_time()
        CONTENDERS[int(line)]()
        print(time.process_time() - begun, flush=True)


main()
