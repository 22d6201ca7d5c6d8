"""The same cosines in numpy and torch, as far as they are installed.

    SSWE_BENCH_DATA=/tmp/rows cargo bench -p sswe-kernels
    python3 kernels/benches/peers.py /tmp/rows

Prints gigabytes and numbers a second: the best and the median of nine rounds, on one thread, in
processor time, as the bench does.
"""

import os
import statistics
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

DIM = 1 << 20
ROUNDS = 9


def measure(name, size, work, numbers):
    seconds = []
    for at in range(ROUNDS + 1):
        begun = time.process_time()
        work()
        if at:
            seconds.append(time.process_time() - begun)
    best, middle = min(seconds), statistics.median(seconds)
    print(f"{name:<34} {size / best / 1e9:6.1f}  {size / middle / 1e9:6.1f}  {numbers / middle / 1e9:7.2f}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        import numpy as np
    except ImportError:
        sys.exit("numpy is not installed: nothing to measure")
    rows = np.fromfile(os.path.join(sys.argv[1], "rows.f32"), dtype="<f4").reshape(-1, DIM)
    direction = np.fromfile(os.path.join(sys.argv[1], "direction.f32"), dtype="<f4")
    print(f"{'':<34}   best  median  Gelem/s")
    measure("numpy f32 rows @ v", rows.nbytes, lambda: rows @ direction, rows.size)
    measure(
        "numpy f32 rows @ v, einsum norm",
        rows.nbytes,
        lambda: rows @ direction / np.sqrt(np.einsum("ij,ij->i", rows, rows)),
        rows.size,
    )
    try:
        import torch
    except ImportError:
        print("torch is not installed: skipped")
        return
    torch.set_num_threads(1)
    for dtype in (torch.float32, torch.bfloat16):
        x, v = torch.from_numpy(rows).to(dtype), torch.from_numpy(direction).to(dtype)
        size, name = x.numel() * x.element_size(), str(dtype).removeprefix("torch.")
        measure(f"torch {name} x @ v", size, lambda: x @ v, x.numel())
        norms = lambda: (x @ v) / torch.linalg.vector_norm(x, dim=1)
        measure(f"torch {name} x @ v, vector_norm", size, norms, x.numel())
        cosine = lambda: torch.nn.functional.cosine_similarity(x, v[None], dim=1)
        measure(f"torch {name} cosine_similarity", size, cosine, x.numel())


main()
