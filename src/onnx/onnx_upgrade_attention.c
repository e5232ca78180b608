/* SPDX-License-Identifier: MIT
 *
 * onnx_upgrade_attention.c - attention as ONNX Runtime's optimizer and exporters of language models
 * write it (com.microsoft): Attention, MultiHeadAttention, GroupQueryAttention, RotaryEmbedding, as
 * Pumice's Attention between reshapes. Keys and values of earlier steps ("past") come before the
 * new ones; "present" is both. Letters in comments: batch b, heads n, queries s, keys t, head size
 * d.
 * Tests: tests/onnx/test_onnx_microsoft.c.
 */
#include "onnx_steps.h"

/* --- Heads ------------------------------------------------------------------------------------ */

/* [b,s,n*d] to [b,s,n,d]. */
static pum_value to_heads(struct onnx_node *node, pum_value x, int64_t heads)
{
    return steps_reshape(node, x, 4, (int64_t[]){0, 0, heads, -1});
}

/* [b,s,n,d] to [b,n,s,d], and back. */
static pum_value swap_heads(struct onnx_node *node, pum_value x)
{
    return steps_transpose(node, x, 4, (int64_t[]){0, 2, 1, 3});
}

static pum_value from_heads(struct onnx_node *node, pum_value x)
{
    return steps_reshape(node, swap_heads(node, x), 3, (int64_t[]){0, 0, -1});
}

/* --- Masks ------------------------------------------------------------------------------------ */

/* Where `keep` is 0, `filter` is added to the scores: [b,t] or [b,s,t] to [b,1,1 or s,t]. */
static pum_value additive(struct onnx_node *node, pum_value keep, int32_t rank, pum_value like,
                          float filter)
{
    pum_dtype dtype = onnx_value_dtype(node, like);
    pum_value x = steps_cast(node, keep, dtype == PUM_DTYPE_NONE ? PUM_DTYPE_F32 : dtype);

    x = steps_scale(node, steps_add_scalar(node, x, -1.0f), -filter);
    x = steps_unsqueeze(node, x, 1);
    return rank == 2 ? steps_unsqueeze(node, x, 1) : x;
}

/* A mask as ONNX Runtime has them: 1 where a key counts, by rank [b,t] or [b,s,t], or [b]: how many
 * keys count. `keys` is [b,n,t,d]. */
static pum_value key_mask(struct onnx_node *node, pum_value mask, pum_value keys, float filter)
{
    int32_t rank = onnx_value_rank(node, mask);

    if (rank == 1) {
        pum_value places = steps_unsqueeze(node, steps_range(node, steps_size(node, keys, 2)), 0);
        pum_value counts = steps_unsqueeze(node, steps_cast(node, mask, PUM_DTYPE_I64), 1);
        mask = steps_2(node, "Less", places, counts);
        rank = 2;
    }
    if (rank != 2 && rank != 3) {
        (void)onnx_refuse(node, "a mask with this number of axes is not supported");
        return PUM_NO_VALUE;
    }
    return additive(node, mask, rank, keys, filter);
}

static pum_value add_masks(struct onnx_node *node, pum_value a, pum_value b)
{
    if (a == PUM_NO_VALUE || b == PUM_NO_VALUE)
        return a == PUM_NO_VALUE ? b : a;
    return steps_2(node, "Add", a, b);
}

/* --- The product ------------------------------------------------------------------------------ */

struct attend {
    pum_value q, k, v; /* [b,n,s,d], [b,kv,t,d] */
    pum_value mask;
    float scale; /* 0: by the head's size */
    bool causal;
};

static pum_value attend(struct onnx_node *node, const struct attend *a)
{
    pum_value inputs[4] = {a->q, a->k, a->v, a->mask};
    pum_attr attrs[2] = {{.name = "scale", .kind = PUM_ATTR_FLOAT, .f = a->scale},
                         {.name = "causal", .kind = PUM_ATTR_INT, .i = a->causal}};

    return from_heads(
        node, onnx_step(node, "Attention", inputs, a->mask == PUM_NO_VALUE ? 3 : 4, attrs, 2));
}

/* past [b,n,p,d] before the new ones. */
static void add_past(struct onnx_node *node, pum_value past, pum_value *x)
{
    if (past != PUM_NO_VALUE)
        *x = steps_concat(node, past, *x, 2);
}

/* --- Attention -------------------------------------------------------------------------------- */

static pum_status split_projection(struct onnx_node *node, int64_t heads, pum_value parts[3])
{
    pum_attr sizes = {.count = 0};
    pum_value inputs[3] = {onnx_input(node, 0), onnx_input(node, 1), onnx_input(node, 2)};
    bool given = onnx_take(node, "qkv_hidden_sizes", &sizes);

    if (heads < 1 || (given && sizes.count != 3))
        return onnx_fail(node->reader, PUM_E_FORMAT,
                         "node '%.200s' (Attention): num_heads and "
                         "qkv_hidden_sizes do not make sense",
                         node->name);
    pum_value product = onnx_step(node, "MatMul", inputs, 2, NULL, 0);
    if (inputs[2] != PUM_NO_VALUE)
        product = steps_2(node, "Add", product, inputs[2]);
    steps_split(node, product, -1, 3, given ? sizes.ints : NULL, parts);
    for (int32_t i = 0; i < 3; i++)
        parts[i] = swap_heads(node, to_heads(node, parts[i], heads));
    return PUM_OK;
}

pum_status onnx_up_attention(struct onnx_node *node)
{
    int64_t heads = onnx_take_int(node, "num_heads", 0);
    float filter = onnx_take_float(node, "mask_filter_value", -10000.0f);
    pum_value past = onnx_input(node, 4), mask = onnx_input(node, 3), parts[3];
    struct attend a = {.mask = PUM_NO_VALUE,
                       .scale = onnx_take_float(node, "scale", 0),
                       .causal = onnx_take_int(node, "unidirectional", 0) != 0};

    if (onnx_take_int(node, "do_rotary", 0) != 0 ||
        onnx_take_int(node, "past_present_share_buffer", 0) != 0 || onnx_input(node, 6) > 0)
        return onnx_refuse(node, "do_rotary and past_present_share_buffer are not supported");
    ONNX_TRY(split_projection(node, heads, parts));
    if (past != PUM_NO_VALUE) {
        for (int32_t i = 0; i < 2; i++)
            add_past(node, steps_gather(node, past, steps_int(node, i), 0), &parts[1 + i]);
    }
    a.q = parts[0];
    a.k = parts[1];
    a.v = parts[2];
    if (mask != PUM_NO_VALUE)
        a.mask = key_mask(node, mask, a.k, filter);
    a.mask = add_masks(node, a.mask, onnx_input(node, 5));
    if (steps_wants(node, 1))
        ONNX_TRY(onnx_bind(
            node, 1,
            steps_concat(node, steps_unsqueeze(node, a.k, 0), steps_unsqueeze(node, a.v, 0), 0)));
    return onnx_bind(node, 0, attend(node, &a));
}

/* --- MultiHeadAttention ----------------------------------------------------------------------- */

/* [b,t,n,parts,d] as separate tensors of [b,t,n,d]. */
static void unpack(struct onnx_node *node, pum_value x, int32_t parts, pum_value *out)
{
    for (int32_t i = 0; i < parts; i++)
        out[i] = steps_gather(node, x, steps_int(node, i), 3);
}

/* q, k and v as [b,s,n*d] or packed, to [b,n,s,d]; keys of rank 4 are there already. */
static pum_status separate(struct onnx_node *node, int64_t heads, struct attend *a)
{
    pum_value parts[3] = {onnx_input(node, 0), onnx_input(node, 1), onnx_input(node, 2)};
    pum_value bias = onnx_input(node, 3), biases[3];
    int32_t rank = onnx_value_rank(node, parts[0]), key_rank = onnx_value_rank(node, parts[1]);

    if (rank == 5)
        unpack(node, parts[0], 3, parts);
    else if (key_rank == 5)
        unpack(node, parts[1], 2, &parts[1]);
    if (parts[1] == PUM_NO_VALUE || parts[2] == PUM_NO_VALUE)
        return onnx_refuse(node, "keys and values are needed, packed or not");
    if (bias != PUM_NO_VALUE) {
        if (rank == 5 || key_rank == 5)
            return onnx_refuse(node, "a bias of packed inputs is not supported");
        steps_split(node, bias, 0, 3, NULL, biases);
        for (int32_t i = 0; i < 3; i++)
            if (i == 0 || key_rank != 4)
                parts[i] = steps_2(node, "Add", parts[i], biases[i]);
    }
    for (int32_t i = 0; i < 3; i++) {
        bool packed = rank == 5 || (i > 0 && key_rank == 5);
        if (i > 0 && key_rank == 4 && rank != 5)
            continue;
        parts[i] = swap_heads(node, packed ? parts[i] : to_heads(node, parts[i], heads));
    }
    a->q = parts[0];
    a->k = parts[1];
    a->v = parts[2];
    return PUM_OK;
}

pum_status onnx_up_multi_head_attention(struct onnx_node *node)
{
    int64_t heads = onnx_take_int(node, "num_heads", 0);
    float filter = onnx_take_float(node, "mask_filter_value", -10000.0f);
    struct attend a = {.mask = PUM_NO_VALUE,
                       .scale = onnx_take_float(node, "scale", 0),
                       .causal = onnx_take_int(node, "unidirectional", 0) != 0};

    if (heads < 1)
        return onnx_fail(node->reader, PUM_E_FORMAT,
                         "node '%.200s' (MultiHeadAttention): "
                         "num_heads is missing",
                         node->name);
    if (onnx_input(node, 8) > 0 || onnx_input(node, 9) > 0)
        return onnx_refuse(node, "a shared buffer of keys and values is not supported");
    ONNX_TRY(separate(node, heads, &a));
    add_past(node, onnx_input(node, 6), &a.k);
    add_past(node, onnx_input(node, 7), &a.v);
    if (onnx_input(node, 4) != PUM_NO_VALUE)
        a.mask = key_mask(node, onnx_input(node, 4), a.k, filter);
    a.mask = add_masks(node, a.mask, onnx_input(node, 5));
    if (steps_wants(node, 1))
        ONNX_TRY(onnx_bind(node, 1, a.k));
    if (steps_wants(node, 2))
        ONNX_TRY(onnx_bind(node, 2, a.v));
    return onnx_bind(node, 0, attend(node, &a));
}

/* --- Rotary embedding ------------------------------------------------------------------------- */

struct rotary {
    pum_value cos, sin; /* [max, size / 2] */
    pum_value places;   /* [b,s] or [s], int64 */
    bool interleaved;
};

/* A table's rows at the places, to multiply [b,s,n,size / 2] with. */
static pum_value rows_at(struct onnx_node *node, pum_value table, pum_value places)
{
    return steps_unsqueeze(node, steps_gather(node, table, places, 0), -2);
}

/* x: [b,s,n,d], of whose last axis the first part is turned, as far as the tables reach. */
static pum_value rotate(struct onnx_node *node, pum_value x, const struct rotary *rotary)
{
    int64_t half = steps_known_size(node, rotary->cos, 1), size = steps_known_size(node, x, -1);
    pum_value cos = rows_at(node, rotary->cos, rotary->places);
    pum_value sin = rows_at(node, rotary->sin, rotary->places);
    pum_value parts[2], rest = PUM_NO_VALUE;

    if (half < 1) {
        (void)onnx_refuse(node, "the size of the table of cosines is not known");
        return PUM_NO_VALUE;
    }
    if (size != 2 * half) {
        rest = steps_slice(node, x, -1, 2 * half, STEPS_REST, 1);
        x = steps_slice(node, x, -1, 0, 2 * half, 1);
    }
    if (rotary->interleaved) {
        parts[0] = steps_slice(node, x, -1, 0, STEPS_REST, 2);
        parts[1] = steps_slice(node, x, -1, 1, STEPS_REST, 2);
    } else {
        steps_split(node, x, -1, 2, (int64_t[]){half, half}, parts);
    }
    pum_value first = steps_2(node, "Sub", steps_2(node, "Mul", parts[0], cos),
                              steps_2(node, "Mul", parts[1], sin));
    pum_value second = steps_2(node, "Add", steps_2(node, "Mul", parts[1], cos),
                               steps_2(node, "Mul", parts[0], sin));
    pum_value y;
    if (rotary->interleaved) {
        y = steps_concat(node, steps_unsqueeze(node, first, -1), steps_unsqueeze(node, second, -1),
                         -1);
        y = steps_reshape(node, y, 4, (int64_t[]){0, 0, 0, -1});
    } else {
        y = steps_concat(node, first, second, -1);
    }
    return rest == PUM_NO_VALUE ? y : steps_concat(node, y, rest, -1);
}

/* position_ids: [b,s], or one number at which positions begin. */
static pum_value read_places(struct onnx_node *node, pum_value ids, pum_value length)
{
    pum_value places = steps_cast(node, ids, PUM_DTYPE_I64);

    if (onnx_value_rank(node, ids) == 2)
        return places;
    return steps_2(node, "Add", steps_range(node, length), places);
}

pum_status onnx_up_rotary_embedding(struct onnx_node *node)
{
    pum_value x = onnx_input(node, 0), cos = onnx_input(node, 2);
    int32_t rank = onnx_value_rank(node, x);
    int64_t heads = onnx_take_int(node, "num_heads", 0);
    int64_t turned = onnx_take_int(node, "rotary_embedding_dim", 0);
    bool packed = onnx_take_int(node, "is_packed_batching", 0) != 0;
    struct rotary rotary = {.cos = cos,
                            .sin = onnx_input(node, 3),
                            .interleaved = onnx_take_int(node, "interleaved", 0) != 0};

    if (onnx_take_float(node, "scale", 1.0f) != 1.0f || packed)
        return onnx_refuse(node, "scale and is_packed_batching are not supported");
    if ((rank != 3 && rank != 4) || (turned > 0 && heads < 1))
        return onnx_refuse(node, "an input with this number of axes is not supported");
    if (rank == 4)
        x = swap_heads(node, x);
    else if (heads > 0)
        x = to_heads(node, x, heads);
    else
        x = steps_reshape(node, x, 4, (int64_t[]){0, 0, -1, 2 * steps_known_size(node, cos, 1)});
    rotary.places = read_places(node, onnx_input(node, 1), steps_size(node, x, 1));
    x = rotate(node, x, &rotary);
    if (rank == 4)
        return onnx_bind(node, 0, swap_heads(node, x));
    return onnx_bind(node, 0, steps_reshape(node, x, 3, (int64_t[]){0, 0, -1}));
}

/* --- GroupQueryAttention ---------------------------------------------------------------------- */

/* seqlens_k holds the last key's position of each row: new ones come after what is behind them. */
static pum_value new_places(struct onnx_node *node, pum_value lengths, pum_value count)
{
    pum_value last = steps_cast(node, lengths, PUM_DTYPE_I64);
    pum_value first = steps_2(node, "Sub", steps_2(node, "Add", last, steps_int(node, 1)), count);

    first = steps_2(node, "Max", first, steps_int(node, 0));
    first = steps_reshape(node, first, 2, (int64_t[]){-1, 1});
    return steps_2(node, "Add", first, steps_range(node, count));
}

/* Keys further back than `window` do not count: [1,1,s,t] in the type of `like`. */
static pum_value window_mask(struct onnx_node *node, const struct attend *a, int64_t window,
                             pum_value like)
{
    pum_value queries = steps_size(node, a->q, 2), keys = steps_size(node, a->k, 2);
    pum_value at =
        steps_2(node, "Add", steps_range(node, queries), steps_2(node, "Sub", keys, queries));
    pum_value first = steps_unsqueeze(node, steps_2(node, "Sub", at, steps_int(node, window)), 1);
    pum_value keep =
        steps_2(node, "Greater", steps_unsqueeze(node, steps_range(node, keys), 0), first);

    return additive(node, steps_unsqueeze(node, keep, 0), 3, like, -30000.0f);
}

/* q, k, v as [b,s,n,d]: three inputs, or packed in the first. */
static void separate_groups(struct onnx_node *node, int64_t heads, int64_t kv_heads,
                            pum_value parts[3])
{
    if (onnx_input(node, 1) != PUM_NO_VALUE) {
        for (int32_t i = 0; i < 3; i++)
            parts[i] = to_heads(node, onnx_input(node, i), i == 0 ? heads : kv_heads);
        return;
    }
    pum_value all = to_heads(node, onnx_input(node, 0), heads + 2 * kv_heads);
    steps_split(node, all, 2, 3, (int64_t[]){heads, kv_heads, kv_heads}, parts);
}

pum_status onnx_up_group_query_attention(struct onnx_node *node)
{
    int64_t heads = onnx_take_int(node, "num_heads", 0);
    int64_t kv_heads = onnx_take_int(node, "kv_num_heads", 0);
    int64_t window = onnx_take_int(node, "local_window_size", -1);
    bool turns = onnx_take_int(node, "do_rotary", 0) != 0;
    struct rotary rotary = {.cos = onnx_input(node, 7),
                            .sin = onnx_input(node, 8),
                            .interleaved = onnx_take_int(node, "rotary_interleaved", 0) != 0};
    struct attend a = {
        .mask = onnx_input(node, 10), .scale = onnx_take_float(node, "scale", 0), .causal = true};
    pum_value parts[3];

    if (heads < 1 || kv_heads < 1 || heads % kv_heads != 0)
        return onnx_fail(node->reader, PUM_E_FORMAT,
                         "node '%.200s' (GroupQueryAttention): "
                         "%lld heads and %lld of keys",
                         node->name, (long long)heads, (long long)kv_heads);
    if (onnx_take_float(node, "softcap", 0) != 0 || onnx_take_int(node, "smooth_softmax", 0) > 0 ||
        onnx_input(node, 11) > 0)
        return onnx_refuse(node, "softcap, smooth_softmax and head_sink are not supported");
    separate_groups(node, heads, kv_heads, parts);
    if (turns) {
        pum_value count = steps_size(node, parts[0], 1);
        rotary.places = onnx_input(node, 9) != PUM_NO_VALUE
                            ? read_places(node, onnx_input(node, 9), count)
                            : new_places(node, onnx_input(node, 5), count);
        parts[0] = rotate(node, parts[0], &rotary);
        parts[1] = rotate(node, parts[1], &rotary);
    }
    a.q = swap_heads(node, parts[0]);
    a.k = swap_heads(node, parts[1]);
    a.v = swap_heads(node, parts[2]);
    add_past(node, onnx_input(node, 3), &a.k);
    add_past(node, onnx_input(node, 4), &a.v);
    if (window > 0)
        a.mask = add_masks(node, a.mask, window_mask(node, &a, window, onnx_input(node, 0)));
    if (steps_wants(node, 1))
        ONNX_TRY(onnx_bind(node, 1, a.k));
    if (steps_wants(node, 2))
        ONNX_TRY(onnx_bind(node, 2, a.v));
    return onnx_bind(node, 0, attend(node, &a));
}
