"""The kernels of :mod:`avatar_kit_ram.attention_triton`, in the language of Triton.

Maps are [B, H, W, channels] without gaps. A program holds one block of one line, at the positions
``here``, and meets the blocks of that line one after another, at the positions ``there``.
"""

import triton
import triton.language as tl


@triton.jit
def _first_pixel(lines, length, across):
    """Number of the pixel at which the program's line begins."""
    line = tl.program_id(0).to(tl.int64)
    return line // lines * lines * length + line % lines * across


@triton.jit
def _load(maps, pixels, inside, channels, count):
    """[BLOCK, channels] of a map [B, H, W, count]; 0 outside."""
    where = pixels[:, None] * count + channels
    return tl.load(maps + where, inside[:, None] & (channels < count)[None, :], other=0.0)


@triton.jit
def _store(maps, pixels, inside, channels, count, x):
    where = pixels[:, None] * count + channels
    tl.store(maps + where, x, inside[:, None] & (channels < count)[None, :])


@triton.jit
def _energies(mine, theirs, weights, here, there, length, MODE: tl.constexpr, ROWS: tl.constexpr):
    """[BLOCK, BLOCK] energies of two blocks of a line, and the weights of the distance."""
    energies = tl.dot(mine, tl.trans(theirs), input_precision="ieee")
    apart = tl.abs(here[:, None] - there[None, :])
    weight = energies
    if MODE != "none":
        weight = tl.load(weights + apart, apart < length, other=0.0)
    if MODE == "multiply":
        energies *= weight
    if MODE == "bias":
        energies += weight
    counted = (there < length)[None, :]
    if not ROWS:  # rows have counted the centre
        counted &= apart > 0
    return tl.where(counted, energies, -float("inf")), weight


@triton.jit
def forward_kernel(
    query,
    key,
    value,
    weights,
    mean,
    row_sum,
    log_sum,
    lines,
    length,
    along,
    across,
    ROWS: tl.constexpr,
    MODE: tl.constexpr,
    C: tl.constexpr,
    D: tl.constexpr,
    BLOCK: tl.constexpr,
    C_TILE: tl.constexpr,
    D_TILE: tl.constexpr,
):
    """Mean of the values and log sum of the energies; columns begin with those of the rows."""
    first = _first_pixel(lines, length, across)
    here = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside, pixels = here < length, first + here * along
    c, d = tl.arange(0, C_TILE), tl.program_id(2) * D_TILE + tl.arange(0, D_TILE)
    q = _load(query, pixels, inside, c, C)
    if ROWS:
        top = tl.full([BLOCK], -float("inf"), tl.float32)
        total = tl.zeros([BLOCK], tl.float32)
        found = tl.zeros([BLOCK, D_TILE], tl.float32)
    else:
        top = tl.load(row_sum + pixels, inside, other=0.0)
        total = tl.full([BLOCK], 1.0, tl.float32)
        found = _load(mean, pixels, inside, d, D)
    for start in range(0, length, BLOCK):
        there = start + tl.arange(0, BLOCK)
        seen, others = there < length, first + there * along
        k, v = _load(key, others, seen, c, C), _load(value, others, seen, d, D)
        energies, _ = _energies(q, k, weights, here, there, length, MODE, ROWS)
        higher = tl.maximum(top, tl.max(energies, 1))
        shares, fade = tl.exp(energies - higher[:, None]), tl.exp(top - higher)
        total = total * fade + tl.sum(shares, 1)
        found *= fade[:, None]
        found = tl.dot(shares.to(v.dtype), v, found, input_precision="ieee")
        top = higher
    _store(mean, pixels, inside, d, D, found / total[:, None])
    if tl.program_id(2) == 0:
        tl.store(log_sum + pixels, top + tl.log(total), inside)


@triton.jit
def query_kernel(
    query,
    key,
    value,
    gradient,
    log_sum,
    inner,
    weights,
    to_query,
    lines,
    length,
    along,
    across,
    ROWS: tl.constexpr,
    MODE: tl.constexpr,
    C: tl.constexpr,
    D: tl.constexpr,
    BLOCK: tl.constexpr,
    C_TILE: tl.constexpr,
    D_TILE: tl.constexpr,
):
    """Gradient of the queries, as far as it comes through a tile of the values."""
    first = _first_pixel(lines, length, across)
    here = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside, pixels = here < length, first + here * along
    c, d = tl.arange(0, C_TILE), tl.program_id(2) * D_TILE + tl.arange(0, D_TILE)
    q, g = _load(query, pixels, inside, c, C), _load(gradient, pixels, inside, d, D)
    log_total = tl.load(log_sum + pixels, inside, other=0.0)
    once = (tl.program_id(2) == 0).to(tl.float32)  # what is subtracted is no sum over tiles
    product = once * tl.load(inner + pixels, inside, other=0.0)
    to_query += tl.program_id(2) * tl.num_programs(0).to(tl.int64) * length * C
    if ROWS:
        found = tl.zeros([BLOCK, C_TILE], tl.float32)
    else:
        found = _load(to_query, pixels, inside, c, C)
    for start in range(0, length, BLOCK):
        there = start + tl.arange(0, BLOCK)
        seen, others = there < length, first + there * along
        k, v = _load(key, others, seen, c, C), _load(value, others, seen, d, D)
        energies, weight = _energies(q, k, weights, here, there, length, MODE, ROWS)
        shares = tl.exp(energies - log_total[:, None])
        change = tl.dot(g, tl.trans(v), input_precision="ieee") - product[:, None]
        change *= shares
        if MODE == "multiply":
            change *= weight
        found = tl.dot(change.to(k.dtype), k, found, input_precision="ieee")
    _store(to_query, pixels, inside, c, C, found)


@triton.jit
def key_kernel(
    query,
    key,
    value,
    gradient,
    log_sum,
    inner,
    weights,
    to_key,
    to_value,
    lines,
    length,
    along,
    across,
    ROWS: tl.constexpr,
    MODE: tl.constexpr,
    C: tl.constexpr,
    D: tl.constexpr,
    BLOCK: tl.constexpr,
    C_TILE: tl.constexpr,
    D_TILE: tl.constexpr,
):
    """Gradients of a tile of the values, and of the keys as far as it comes through that tile."""
    first = _first_pixel(lines, length, across)
    here = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside, pixels = here < length, first + here * along
    c, d = tl.arange(0, C_TILE), tl.program_id(2) * D_TILE + tl.arange(0, D_TILE)
    k, v = _load(key, pixels, inside, c, C), _load(value, pixels, inside, d, D)
    once = (tl.program_id(2) == 0).to(tl.float32)
    to_key += tl.program_id(2) * tl.num_programs(0).to(tl.int64) * length * C
    if ROWS:
        found_k = tl.zeros([BLOCK, C_TILE], tl.float32)
        found_v = tl.zeros([BLOCK, D_TILE], tl.float32)
    else:
        found_k = _load(to_key, pixels, inside, c, C)
        found_v = _load(to_value, pixels, inside, d, D)
    for start in range(0, length, BLOCK):
        there = start + tl.arange(0, BLOCK)
        seen, others = there < length, first + there * along
        q, g = _load(query, others, seen, c, C), _load(gradient, others, seen, d, D)
        log_total = tl.load(log_sum + others, seen, other=0.0)
        product = once * tl.load(inner + others, seen, other=0.0)
        energies, weight = _energies(k, q, weights, here, there, length, MODE, ROWS)
        shares = tl.exp(energies - log_total[None, :])
        found_v = tl.dot(shares.to(g.dtype), g, found_v, input_precision="ieee")
        change = tl.dot(v, tl.trans(g), input_precision="ieee") - product[None, :]
        change *= shares
        if MODE == "multiply":
            change *= weight
        found_k = tl.dot(change.to(q.dtype), q, found_k, input_precision="ieee")
    _store(to_key, pixels, inside, c, C, found_k)
    _store(to_value, pixels, inside, d, D, found_v)
