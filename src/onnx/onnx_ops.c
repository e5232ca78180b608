/* SPDX-License-Identifier: MIT
 *
 * onnx_ops.c - the operators that the reader takes: name, attributes of all opsets from 1 to 20
 * with their kinds, the name in Pumice's table where it differs, and the upgrade of older forms. A
 * file's operators are checked against it before anything is built, so that one message lists all
 * that is missing. Rows are sorted by name. Tests: tests/onnx/test_onnx_upgrade.c.
 */
#include "onnx_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL "auto_pad:s ceil_mode:i dilations:I kernel_shape:I pads:I strides:I "
#define CONV "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I "
#define REDUCE "axes:I keepdims:i noop_with_empty_axes:i"
#define OLD_BROADCAST "axis:i broadcast:i"
#define RECURRENT                                                                                  \
    "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i "         \
    "layout:i output_sequence:i "

/* The default domain: "" and "ai.onnx". */
static const struct onnx_op default_ops[] = {
    {"Abs", "", NULL, NULL},
    {"Acos", "", NULL, NULL},
    {"Acosh", "", NULL, NULL},
    {"Add", OLD_BROADCAST, NULL, onnx_up_binary},
    {"AffineGrid", "align_corners:i", NULL, NULL},
    {"And", OLD_BROADCAST, NULL, onnx_up_binary},
    {"ArgMax", "axis:i keepdims:i select_last_index:i", NULL, NULL},
    {"ArgMin", "axis:i keepdims:i select_last_index:i", NULL, NULL},
    {"Asin", "", NULL, NULL},
    {"Asinh", "", NULL, NULL},
    {"Atan", "", NULL, NULL},
    {"Atanh", "", NULL, NULL},
    {"AveragePool", POOL "count_include_pad:i", NULL, NULL},
    {"BatchNormalization", "epsilon:f is_test:i momentum:f spatial:i training_mode:i", NULL,
     onnx_up_batch_norm},
    {"Bernoulli", "dtype:i seed:f", NULL, NULL},
    {"BitShift", "direction:s", NULL, NULL},
    {"BitwiseAnd", "", NULL, NULL},
    {"BitwiseNot", "", NULL, NULL},
    {"BitwiseOr", "", NULL, NULL},
    {"BitwiseXor", "", NULL, NULL},
    {"BlackmanWindow", "output_datatype:i periodic:i", NULL, NULL},
    {"Cast", "saturate:i to:is", NULL, onnx_up_cast},
    {"CastLike", "saturate:i", NULL, onnx_up_cast_like},
    {"Ceil", "", NULL, NULL},
    {"Celu", "alpha:f", NULL, NULL},
    {"CenterCropPad", "axes:I", NULL, NULL},
    {"Clip", "max:f min:f", NULL, onnx_up_clip},
    {"Col2Im", "dilations:I pads:I strides:I", NULL, NULL},
    {"Compress", "axis:i", NULL, NULL},
    {"Concat", "axis:i", NULL, onnx_up_concat},
    {"ConcatFromSequence", "axis:i new_axis:i", NULL, NULL},
    {"Constant",
     "sparse_value:p value:t value_float:f value_floats:F value_int:i value_ints:I value_string:s "
     "value_strings:S",
     NULL, onnx_up_constant},
    {"ConstantOfShape", "value:t", NULL, onnx_up_constant_of_shape},
    {"Conv", CONV, NULL, NULL},
    {"ConvInteger", CONV, NULL, NULL},
    {"ConvTranspose", CONV "output_padding:I output_shape:I", NULL, NULL},
    {"Cos", "", NULL, NULL},
    {"Cosh", "", NULL, NULL},
    {"CumSum", "exclusive:i reverse:i", NULL, NULL},
    {"DFT", "axis:i inverse:i onesided:i", NULL, onnx_up_dft},
    {"DeformConv", CONV "offset_group:i", NULL, NULL},
    {"DepthToSpace", "blocksize:i mode:s", NULL, NULL},
    {"DequantizeLinear", "axis:i block_size:i", NULL, NULL},
    {"Det", "", NULL, NULL},
    {"Div", OLD_BROADCAST, NULL, onnx_up_binary},
    {"Dropout", "is_test:i ratio:f seed:i", NULL, onnx_up_dropout},
    {"DynamicQuantizeLinear", "", NULL, NULL},
    {"Einsum", "equation:s", NULL, NULL},
    {"Elu", "alpha:f", NULL, NULL},
    {"Equal", OLD_BROADCAST, NULL, onnx_up_binary},
    {"Erf", "", NULL, NULL},
    {"Exp", "", NULL, NULL},
    {"Expand", "", NULL, NULL},
    {"EyeLike", "dtype:i k:i", NULL, NULL},
    {"Flatten", "axis:i", NULL, NULL},
    {"Floor", "", NULL, NULL},
    {"GRU", RECURRENT "linear_before_reset:i", NULL, onnx_up_recurrent},
    {"Gather", "axis:i", NULL, NULL},
    {"GatherElements", "axis:i", NULL, NULL},
    {"GatherND", "batch_dims:i", NULL, NULL},
    {"Gelu", "approximate:s", NULL, NULL},
    {"Gemm", "alpha:f beta:f broadcast:i transA:i transB:i", NULL, onnx_up_gemm},
    {"GlobalAveragePool", "", NULL, NULL},
    {"GlobalLpPool", "p:if", NULL, onnx_up_lp_pool},
    {"GlobalMaxPool", "", NULL, NULL},
    {"Greater", OLD_BROADCAST, NULL, onnx_up_binary},
    {"GreaterOrEqual", "", NULL, NULL},
    {"GridSample", "align_corners:i mode:s padding_mode:s", NULL, NULL},
    {"GroupNormalization", "epsilon:f num_groups:i stash_type:i", NULL, onnx_up_group_norm},
    {"HammingWindow", "output_datatype:i periodic:i", NULL, NULL},
    {"HannWindow", "output_datatype:i periodic:i", NULL, NULL},
    {"HardSigmoid", "alpha:f beta:f", NULL, NULL},
    {"HardSwish", "", NULL, NULL},
    {"Hardmax", "axis:i", NULL, onnx_up_softmax},
    {"Identity", "", NULL, NULL},
    {"If", "else_branch:g then_branch:g", NULL, onnx_up_if},
    {"InstanceNormalization", "epsilon:f", NULL, NULL},
    {"IsInf", "detect_negative:i detect_positive:i", NULL, NULL},
    {"IsNaN", "", NULL, NULL},
    {"LRN", "alpha:f beta:f bias:f size:i", NULL, NULL},
    {"LSTM", RECURRENT "input_forget:i", NULL, onnx_up_recurrent},
    {"LayerNormalization", "axis:i epsilon:f stash_type:i", NULL, onnx_up_layer_norm},
    {"LeakyRelu", "alpha:f", NULL, NULL},
    {"Less", OLD_BROADCAST, NULL, onnx_up_binary},
    {"LessOrEqual", "", NULL, NULL},
    {"Log", "", NULL, NULL},
    {"LogSoftmax", "axis:i", NULL, onnx_up_softmax},
    {"Loop", "body:g", NULL, onnx_up_loop},
    {"LpNormalization", "axis:i p:i", NULL, NULL},
    {"LpPool", POOL "p:if", NULL, onnx_up_lp_pool},
    {"MatMul", "", NULL, NULL},
    {"MatMulInteger", "", NULL, NULL},
    {"Max", "", NULL, NULL},
    {"MaxPool", POOL "storage_order:i", NULL, NULL},
    {"MaxRoiPool", "pooled_shape:I spatial_scale:f", NULL, NULL},
    {"MaxUnpool", "kernel_shape:I pads:I strides:I", NULL, NULL},
    {"Mean", "", NULL, NULL},
    {"MeanVarianceNormalization", "axes:I", NULL, NULL},
    {"MelWeightMatrix", "output_datatype:i", NULL, NULL},
    {"Min", "", NULL, NULL},
    {"Mish", "", NULL, NULL},
    {"Mod", "fmod:i", NULL, NULL},
    {"Mul", OLD_BROADCAST, NULL, onnx_up_binary},
    {"Multinomial", "dtype:i sample_size:i seed:f", NULL, NULL},
    {"Neg", "", NULL, NULL},
    {"NegativeLogLikelihoodLoss", "ignore_index:i reduction:s", NULL, NULL},
    {"NonMaxSuppression", "center_point_box:i", NULL, NULL},
    {"NonZero", "", NULL, NULL},
    {"Not", "", NULL, NULL},
    {"OneHot", "axis:i", NULL, NULL},
    {"Optional", "type:y", NULL, NULL},
    {"OptionalGetElement", "", NULL, NULL},
    {"OptionalHasElement", "", NULL, NULL},
    {"Or", OLD_BROADCAST, NULL, onnx_up_binary},
    {"PRelu", "", NULL, onnx_up_prelu},
    {"Pad", "mode:s paddings:I pads:I value:f", NULL, onnx_up_pad},
    {"Pow", OLD_BROADCAST, NULL, onnx_up_binary},
    {"QLinearConv", CONV, NULL, NULL},
    {"QLinearMatMul", "", NULL, NULL},
    {"QuantizeLinear", "axis:i block_size:i output_dtype:i saturate:i", NULL, NULL},
    {"RNN", RECURRENT, NULL, onnx_up_recurrent},
    {"RandomNormal", "dtype:i mean:f scale:f seed:f shape:I", NULL, NULL},
    {"RandomNormalLike", "dtype:i mean:f scale:f seed:f", NULL, NULL},
    {"RandomUniform", "dtype:i high:f low:f seed:f shape:I", NULL, NULL},
    {"RandomUniformLike", "dtype:i high:f low:f seed:f", NULL, NULL},
    {"Range", "", NULL, NULL},
    {"Reciprocal", "", NULL, NULL},
    {"ReduceL1", REDUCE, NULL, onnx_up_axes},
    {"ReduceL2", REDUCE, NULL, onnx_up_axes},
    {"ReduceLogSum", REDUCE, NULL, onnx_up_axes},
    {"ReduceLogSumExp", REDUCE, NULL, onnx_up_axes},
    {"ReduceMax", REDUCE, NULL, onnx_up_reduce_extreme},
    {"ReduceMean", REDUCE, NULL, onnx_up_axes},
    {"ReduceMin", REDUCE, NULL, onnx_up_reduce_extreme},
    {"ReduceProd", REDUCE, NULL, onnx_up_axes},
    {"ReduceSum", REDUCE, NULL, onnx_up_axes},
    {"ReduceSumSquare", REDUCE, NULL, onnx_up_axes},
    {"Relu", "", NULL, NULL},
    {"Reshape", "allowzero:i shape:I", NULL, onnx_up_reshape},
    {"Resize",
     "antialias:i axes:I coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i "
     "extrapolation_value:f keep_aspect_ratio_policy:s mode:s nearest_mode:s",
     NULL, onnx_up_resize},
    {"ReverseSequence", "batch_axis:i time_axis:i", NULL, NULL},
    {"RoiAlign",
     "coordinate_transformation_mode:s mode:s output_height:i output_width:i "
     "sampling_ratio:i spatial_scale:f",
     NULL, onnx_up_roi_align},
    {"Round", "", NULL, NULL},
    {"STFT", "onesided:i", NULL, NULL},
    {"Scan",
     "body:g directions:I num_scan_inputs:i scan_input_axes:I scan_input_directions:I "
     "scan_output_axes:I scan_output_directions:I",
     NULL, onnx_up_scan},
    {"Scatter", "axis:i", "ScatterElements", NULL},
    {"ScatterElements", "axis:i reduction:s", NULL, NULL},
    {"ScatterND", "reduction:s", NULL, NULL},
    {"Selu", "alpha:f gamma:f", NULL, NULL},
    {"SequenceAt", "", NULL, NULL},
    {"SequenceConstruct", "", NULL, NULL},
    {"SequenceEmpty", "dtype:i", NULL, NULL},
    {"SequenceErase", "", NULL, NULL},
    {"SequenceInsert", "", NULL, NULL},
    {"SequenceLength", "", NULL, NULL},
    {"SequenceMap", "body:g", NULL, onnx_up_sequence_map},
    {"Shape", "end:i start:i", NULL, NULL},
    {"Shrink", "bias:f lambd:f", NULL, NULL},
    {"Sigmoid", "", NULL, NULL},
    {"Sign", "", NULL, NULL},
    {"SimplifiedLayerNormalization", "axis:i epsilon:f stash_type:i", NULL, onnx_up_rms_norm},
    {"Sin", "", NULL, NULL},
    {"Sinh", "", NULL, NULL},
    {"Size", "", NULL, NULL},
    {"Slice", "axes:I ends:I starts:I", NULL, onnx_up_slice},
    {"Softmax", "axis:i", NULL, onnx_up_softmax},
    {"SoftmaxCrossEntropyLoss", "ignore_index:i reduction:s", NULL, NULL},
    {"Softplus", "", NULL, NULL},
    {"Softsign", "", NULL, NULL},
    {"SpaceToDepth", "blocksize:i", NULL, NULL},
    {"Split", "axis:i num_outputs:i split:I", NULL, onnx_up_split},
    {"SplitToSequence", "axis:i keepdims:i", NULL, NULL},
    {"Sqrt", "", NULL, NULL},
    {"Squeeze", "axes:I", NULL, onnx_up_axes},
    {"StringConcat", "", NULL, NULL},
    {"StringNormalizer",
     "case_change_action:s is_case_sensitive:i locale:s stopwords:S",
     NULL, NULL},
    {"StringSplit", "delimiter:s maxsplit:i", NULL, NULL},
    {"Sub", OLD_BROADCAST, NULL, onnx_up_binary},
    {"Sum", "", NULL, NULL},
    {"Swish", "alpha:f", "Silu", NULL},
    {"Tan", "", NULL, NULL},
    {"Tanh", "", NULL, NULL},
    {"TfIdfVectorizer",
     "max_gram_length:i max_skip_count:i min_gram_length:i mode:s ngram_counts:I "
     "ngram_indexes:I pool_int64s:I pool_strings:S weights:F",
     NULL, NULL},
    {"ThresholdedRelu", "alpha:f", NULL, NULL},
    {"Tile", "", NULL, onnx_up_tile},
    {"TopK", "axis:i k:i largest:i sorted:i", NULL, onnx_up_top_k},
    {"Transpose", "perm:I", NULL, NULL},
    {"Trilu", "upper:i", NULL, NULL},
    {"Unique", "axis:i sorted:i", NULL, NULL},
    {"Unsqueeze", "axes:I", NULL, onnx_up_axes},
    {"Upsample", "height_scale:f mode:s scales:F width_scale:f", NULL, onnx_up_upsample},
    {"Where", "", NULL, NULL},
    {"Xor", OLD_BROADCAST, NULL, onnx_up_binary},
};

/* ONNX Runtime's own domain, as its optimizer and many exporters write it. */
static const struct onnx_op microsoft_ops[] = {
    {"Attention",
     "do_rotary:i mask_filter_value:f num_heads:i past_present_share_buffer:i "
     "qkv_hidden_sizes:I rotary_embedding_dim:i scale:f unidirectional:i",
     NULL, onnx_up_attention},
    {"BiasAdd", "", NULL, onnx_up_bias_add},
    {"BiasGelu", "", NULL, onnx_up_bias_gelu},
    {"BiasSplitGelu", "", NULL, onnx_up_bias_split_gelu},
    {"DequantizeLinear", "axis:i block_size:i", NULL, NULL},
    {"DynamicQuantizeMatMul", "", NULL, onnx_up_dynamic_quantize_matmul},
    {"EmbedLayerNormalization", "epsilon:f mask_index_type:i", NULL, onnx_up_embed_layer_norm},
    {"FastGelu", "", NULL, onnx_up_fast_gelu},
    {"FusedConv", CONV "activation:s activation_params:F", NULL, onnx_up_fused_conv},
    {"FusedGemm",
     "activation:s activation_alpha:f activation_beta:f activation_gamma:f alpha:f beta:f "
     "transA:i transB:i",
     NULL, onnx_up_fused_gemm},
    {"FusedMatMul", "alpha:f transA:i transB:i transBatchA:i transBatchB:i", NULL,
     onnx_up_fused_matmul},
    {"Gelu", "", NULL, NULL},
    {"GemmFastGelu", "", NULL, onnx_up_gemm_fast_gelu},
    {"GridSample", "align_corners:i mode:s padding_mode:s", NULL, NULL},
    {"GroupQueryAttention",
     "do_rotary:i kv_num_heads:i local_window_size:i num_heads:i rotary_interleaved:i "
     "scale:f smooth_softmax:i softcap:f",
     NULL, onnx_up_group_query_attention},
    {"LayerNormalization", "axis:i epsilon:f stash_type:i", NULL, onnx_up_layer_norm},
    {"MatMulIntegerToFloat", "", NULL, NULL},
    {"MatMulNBits",
     "K:i N:i accuracy_level:i bits:i block_size:i weight_prepacked:i",
     NULL, onnx_up_matmul_nbits},
    {"MultiHeadAttention",
     "mask_filter_value:f num_heads:i scale:f unidirectional:i",
     NULL, onnx_up_multi_head_attention},
    {"QGemm", "alpha:f transA:i transB:i", NULL, NULL},
    {"QLinearAdd", "", NULL, NULL},
    {"QLinearAveragePool", POOL "channels_last:i count_include_pad:i", NULL, NULL},
    {"QLinearConcat", "axis:i", NULL, onnx_up_qlinear_concat},
    {"QLinearGlobalAveragePool", "channels_last:i", NULL, NULL},
    {"QLinearLeakyRelu", "alpha:f", NULL, NULL},
    {"QLinearMul", "", NULL, NULL},
    {"QLinearSigmoid", "", NULL, NULL},
    {"QLinearSoftmax", "axis:i opset:i", NULL, NULL},
    {"QuantizeLinear", "axis:i block_size:i output_dtype:i saturate:i", NULL, NULL},
    {"QuickGelu", "alpha:f", NULL, onnx_up_quick_gelu},
    {"RotaryEmbedding",
     "interleaved:i is_packed_batching:i num_heads:i rotary_embedding_dim:i scale:f",
     NULL, onnx_up_rotary_embedding},
    {"SimplifiedLayerNormalization", "axis:i epsilon:f stash_type:i", NULL, onnx_up_rms_norm},
    {"SkipLayerNormalization", "epsilon:f", NULL, onnx_up_skip_layer_norm},
    {"SkipSimplifiedLayerNormalization", "epsilon:f", NULL, onnx_up_skip_rms_norm},
    {"Trilu", "upper:i", NULL, NULL},
    {"Unique", "axis:i sorted:i", NULL, NULL},
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static int compare_op(const void *name, const void *row)
{
    return strcmp(name, ((const struct onnx_op *)row)->name);
}

const struct onnx_op *onnx_find_op(const char *domain, const char *name)
{
    if (name == NULL)
        return NULL;
    if (onnx_is_default_domain(domain))
        return bsearch(name, default_ops, COUNT(default_ops), sizeof(default_ops[0]), compare_op);
    if (strcmp(domain, "com.microsoft") == 0)
        return bsearch(name, microsoft_ops, COUNT(microsoft_ops), sizeof(microsoft_ops[0]),
                       compare_op);
    return NULL;
}

/* --- What is missing -------------------------------------------------------------------------- */

#define MAX_LISTED 40
#define LIST_BYTES 6000

struct missing {
    const Onnx__NodeProto *first;
    size_t count;
};

static const char *shown(const char *text, const char *otherwise)
{
    return text == NULL || text[0] == '\0' ? otherwise : text;
}

static bool same_op(const Onnx__NodeProto *a, const Onnx__NodeProto *b)
{
    const char *domain_a = onnx_is_default_domain(a->domain) ? "" : a->domain;
    const char *domain_b = onnx_is_default_domain(b->domain) ? "" : b->domain;
    return strcmp(shown(a->op_type, ""), shown(b->op_type, "")) == 0 &&
           strcmp(domain_a, domain_b) == 0;
}

static int64_t opset_of(const struct onnx_reader *reader, const char *domain)
{
    const Onnx__ModelProto *model = reader->model;

    if (onnx_is_default_domain(domain))
        return reader->opset;
    for (size_t i = 0; i < model->n_opset_import; i++) {
        if (strcmp(shown(model->opset_import[i]->domain, ""), domain) == 0)
            return model->opset_import[i]->version;
    }
    return 0;
}

/* "NonZero (opset 11, node 'NonZero_3' and 2 more)" */
static size_t list_one(const struct onnx_reader *reader, const struct missing *missing, char *text,
                       size_t size)
{
    const Onnx__NodeProto *node = missing->first;
    bool standard = onnx_is_default_domain(node->domain);
    const char *label = shown(node->name, node->n_output > 0 ? node->output[0] : "unnamed");
    char more[48] = "";

    if (missing->count > 1)
        (void)snprintf(more, sizeof(more), " and %zu more", missing->count - 1);
    int length = snprintf(text, size, "\n  %.40s%s%.60s (opset %lld, node '%.80s'%s)",
                          standard ? "" : node->domain, standard ? "" : ".",
                          shown(node->op_type, "(no operator name)"),
                          (long long)opset_of(reader, node->domain), label, more);
    return length < 0 ? 0 : (size_t)length < size ? (size_t)length : size - 1;
}

struct missing_list {
    const struct onnx_reader *reader;
    struct missing kinds[MAX_LISTED];
    size_t count, unlisted;
};

static void note_missing(struct missing_list *list, const Onnx__NodeProto *node)
{
    size_t kind = 0;

    while (kind < list->count && !same_op(list->kinds[kind].first, node))
        kind++;
    if (kind == MAX_LISTED) {
        list->unlisted++;
        return;
    }
    if (kind == list->count)
        list->kinds[list->count++].first = node;
    list->kinds[kind].count++;
}

/* Bodies, too: as deep as onnx_wire.c lets them nest. */
static void check_nodes(struct missing_list *list, Onnx__NodeProto *const *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const Onnx__NodeProto *node = nodes[i];
        if (onnx_find_op(node->domain, node->op_type) == NULL &&
            onnx_find_function(list->reader, node) == NULL)
            note_missing(list, node);
        for (size_t j = 0; j < node->n_attribute; j++) {
            const Onnx__GraphProto *body = node->attribute[j]->g;
            if (body != NULL)
                check_nodes(list, body->node, body->n_node);
        }
    }
}

pum_status onnx_check_ops(struct onnx_reader *reader)
{
    const Onnx__ModelProto *model = reader->model;
    struct missing_list missing = {.reader = reader};
    char list[LIST_BYTES] = "";
    size_t used = 0;

    check_nodes(&missing, model->graph->node, model->graph->n_node);
    for (size_t i = 0; i < model->n_functions; i++)
        check_nodes(&missing, model->functions[i]->node, model->functions[i]->n_node);
    if (missing.count == 0)
        return PUM_OK;
    for (size_t i = 0; i < missing.count; i++)
        used += list_one(reader, &missing.kinds[i], list + used, sizeof(list) - used);
    if (missing.unlisted > 0)
        (void)snprintf(list + used, sizeof(list) - used, "\n  and %zu more nodes",
                       missing.unlisted);
    return onnx_fail(reader, PUM_E_UNSUPPORTED, "the file uses operators that are not supported:"
                     "%s", list);
}
