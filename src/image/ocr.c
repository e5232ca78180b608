/* SPDX-License-Identifier: MIT
 *
 * ocr.c - the chain: the picture goes to the detector at a workable size; each box is cut out and
 * straightened; the classifier tells which lines are upside down; the way that most text lies is
 * the way of the page; the recogniser spells each line, and where a line disagrees with its page,
 * both ways, of which the surer one counts. Sizes are rounded up to a few steps, so that
 * few plans are made. Tests: tests/image/test_ocr_post.c (the parts), tests/cli (the whole).
 */
#include "ocr.h"

#include "ocr_net.h"
#include "ocr_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_MAX_SIDE 1280
#define DEFAULT_MIN_SCORE 0.5f
#define SHARE_OF_SQUARE 0.75f /* the detector sees at most max_side x 0.75 max_side pixels ... */
#define LONGEST 3.2f          /* ... and at most this many times max_side along one side */
#define SMALL_SIDE 736       /* pictures are enlarged until their short side has this ... */
#define MAX_ENLARGE 3.0f     /* ... but by no more than this, and not beyond ENLARGED_SIDE */
#define ENLARGED_SIDE 960
#define WORTHWHILE 1.2f /* enlarging by less costs time and finds nothing more */
#define MARGIN 16            /* the detector misses text at the very edge */
#define STRIP_HEIGHT 48
#define STRIP_MIN_WIDTH 320  /* what the recogniser was trained at */
#define STRIP_MAX_WIDTH 2560
#define CLASSIFIER_WIDTH 192
#define TURNED_SCORE 0.9f    /* the classifier is believed from here on */

struct ocr {
    struct ocr_params params; /* without the strings */
    struct ocr_net detector, classifier, recogniser;
    struct ocr_dictionary dictionary;
};

/* What is known of one box on its way through the chain. */
struct piece {
    struct ocr_box box;
    struct image_point cut[4]; /* the box with some room around it */
    int32_t width, height;     /* of the box */
    int32_t turns;             /* anticlockwise quarters that set the text upright */
    int32_t strip_width;       /* of the recogniser's input, for sorting */
    char *text;
    float score;
};

static double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

static void report(const struct ocr *ocr, const char *what, int32_t done, int32_t total)
{
    if (ocr->params.progress != NULL)
        ocr->params.progress(ocr->params.progress_user, what, done, total);
}

pum_status ocr_open(pum_context *context, pum_device *device, const struct ocr_params *params,
                    struct ocr **out_ocr, struct fault *fault)
{
    *out_ocr = NULL;
    struct ocr *ocr = calloc(1, sizeof(*ocr));
    if (ocr == NULL)
        return fault_set(fault, PUM_E_MEMORY, "out of memory");
    ocr->params = *params;
    if (ocr->params.max_side <= 0)
        ocr->params.max_side = DEFAULT_MAX_SIDE;
    if (ocr->params.min_score <= 0)
        ocr->params.min_score = DEFAULT_MIN_SCORE;
    pum_status status = ocr_dictionary_load(params->dictionary, &ocr->dictionary, fault);
    const struct {
        struct ocr_net *net;
        const char *path;
    } nets[] = {{&ocr->detector, params->detector},
                {&ocr->classifier, params->classifier},
                {&ocr->recogniser, params->recogniser}};
    for (int32_t i = 0; i < 3 && status == PUM_OK; i++) {
        report(ocr, "loading networks", i, 3);
        status = ocr_net_open(nets[i].net, context, device, nets[i].path, fault);
    }
    if (status != PUM_OK) {
        ocr_close(&ocr);
        return status;
    }
    *out_ocr = ocr;
    return PUM_OK;
}

void ocr_close(struct ocr **ocr)
{
    if (*ocr == NULL)
        return;
    ocr_net_close(&(*ocr)->detector);
    ocr_net_close(&(*ocr)->classifier);
    ocr_net_close(&(*ocr)->recogniser);
    ocr_dictionary_free(&(*ocr)->dictionary);
    free(*ocr);
    *ocr = NULL;
}

/* --- Detection ------------------------------------------------------------------------------- */

static float detector_scale(const struct image *image, int32_t max_side)
{
    float longer = (float)(image->width > image->height ? image->width : image->height);
    float shorter = (float)(image->width < image->height ? image->width : image->height);
    /* What counts is the work, pixels, so a long and narrow picture may be longer. */
    float most = (float)max_side;
    float fit = fminf(sqrtf(most * most * SHARE_OF_SQUARE / (longer * shorter)),
                      most * LONGEST / longer);
    if (fit < 1)
        return fit;
    float scale = fminf(SMALL_SIDE / shorter, MAX_ENLARGE);
    scale = fminf(scale, fminf(ENLARGED_SIDE / longer, fit));
    return scale > WORTHWHILE ? scale : 1;
}

/* The colour of the picture's rim, for the margin around it: the median of each channel. */
static void rim_colour(const struct image *image, uint8_t colour[3])
{
    uint32_t counts[3][256] = {{0}};
    uint32_t total = 0;
    for (int32_t y = 0; y < image->height; y++) {
        bool whole = y == 0 || y == image->height - 1;
        int32_t step = whole || image->width < 2 ? 1 : image->width - 1;
        for (int32_t x = 0; x < image->width; x += step, total++)
            for (size_t c = 0; c < 3; c++)
                counts[c][image->rgb[((size_t)y * (size_t)image->width + (size_t)x) * 3 + c]]++;
    }
    for (size_t c = 0; c < 3; c++) {
        uint32_t below = 0;
        int value = 0;
        while (value < 255 && (below += counts[c][value]) * 2 < total)
            value++;
        colour[c] = (uint8_t)value;
    }
}

static int32_t round_up(int32_t value, int32_t step)
{
    return (value + step - 1) / step * step;
}

static pum_status fill_detector(struct ocr *ocr, const struct image *image, struct ocr_map *map,
                                struct fault *fault)
{
    static const float mean[3] = {0.485f, 0.456f, 0.406f}, deviation[3] = {0.229f, 0.224f, 0.225f};
    float gain[3], bias[3];
    for (int c = 0; c < 3; c++) {
        gain[c] = 1 / (255 * deviation[c]);
        bias[c] = -mean[c] / deviation[c];
    }
    float scale = detector_scale(image, ocr->params.max_side);
    int32_t width = (int32_t)fmaxf(roundf((float)image->width * scale), 1);
    int32_t height = (int32_t)fmaxf(roundf((float)image->height * scale), 1);
    *map = (struct ocr_map){.width = round_up(width + 2 * MARGIN, 32),
                            .height = round_up(height + 2 * MARGIN, 32),
                            .scale = scale,
                            .picture_width = image->width,
                            .picture_height = image->height};
    int32_t left = (map->width - width) / 2, top = (map->height - height) / 2;
    map->offset_x = (float)left;
    map->offset_y = (float)top;
    float *input;
    struct image sized;
    pum_status status = ocr_net_input(&ocr->detector, map->width, map->height, &input, fault);
    if (status == PUM_OK)
        status = image_resize(image, width, height, &sized, fault);
    if (status != PUM_OK)
        return status;
    uint8_t rim[3];
    rim_colour(image, rim);
    size_t plane = (size_t)map->width * (size_t)map->height;
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < plane; i++)
            input[c * plane + i] = (float)rim[2 - c] * gain[c] + bias[c];
    ocr_net_place(input, map->width, map->height, &sized, left, top, gain, bias);
    image_free(&sized);
    return PUM_OK;
}

static pum_status detect(struct ocr *ocr, const struct image *image, struct ocr_box **out_boxes,
                         int32_t *out_count, struct fault *fault)
{
    struct ocr_map map;
    pum_tensor output;
    pum_status status = fill_detector(ocr, image, &map, fault);
    if (status == PUM_OK)
        status = ocr_net_run(&ocr->detector, map.width, map.height, &output, fault);
    if (status != PUM_OK)
        return status;
    if (output.rank != 4 || output.dims[2] != map.height || output.dims[3] != map.width)
        return fault_set(fault, PUM_E_UNSUPPORTED,
                         "%s: this is no detector of PP-OCR: its map has another size than its "
                         "picture",
                         ocr->detector.path);
    map.values = output.data;
    return ocr_find_boxes(&map, out_boxes, out_count, fault);
}

/* --- Cutting --------------------------------------------------------------------------------- */

/* The piece's upright strip, 48 high, for a given turn. */
static pum_status cut_strip(const struct image *image, const struct piece *piece, int32_t turns,
                            struct image *out, struct fault *fault)
{
    struct image cut, turned;
    int32_t width, height;
    ocr_cut_size(piece->cut, &width, &height);
    pum_status status = image_warp_quad(image, piece->cut, width, height, &cut, fault);
    if (status != PUM_OK)
        return status;
    if (turns != 0) {
        status = image_turn(&cut, turns, &turned, fault);
        image_free(&cut);
        if (status != PUM_OK)
            return status;
        cut = turned;
    }
    double wide = ceil((double)cut.width * STRIP_HEIGHT / cut.height);
    wide = fmin(fmax(wide, 1), IMAGE_MAX_SIDE);
    status = image_resize(&cut, (int32_t)wide, STRIP_HEIGHT, out, fault);
    image_free(&cut);
    return status;
}

/* Writes a strip to the left of an input of full_width, the rest 0, and runs the network. */
static pum_status run_strip(struct ocr_net *net, const struct image *strip, int32_t full_width,
                            pum_tensor *out_output, struct fault *fault)
{
    static const float gain[3] = {2 / 255.0f, 2 / 255.0f, 2 / 255.0f}, bias[3] = {-1, -1, -1};
    float *input;
    pum_status status = ocr_net_input(net, full_width, STRIP_HEIGHT, &input, fault);
    if (status != PUM_OK)
        return status;
    memset(input, 0, (size_t)full_width * STRIP_HEIGHT * 3 * sizeof(float));
    ocr_net_place(input, full_width, STRIP_HEIGHT, strip, 0, 0, gain, bias);
    return ocr_net_run(net, full_width, STRIP_HEIGHT, out_output, fault);
}

/* --- Which way up ---------------------------------------------------------------------------- */

static pum_status classify(struct ocr *ocr, const struct image *image, struct piece *piece,
                           struct fault *fault)
{
    piece->turns = piece->height * 2 >= piece->width * 3 ? 1 : 0;
    struct image strip, squeezed;
    pum_tensor output;
    pum_status status = cut_strip(image, piece, piece->turns, &strip, fault);
    if (status != PUM_OK)
        return status;
    piece->strip_width = strip.width;
    if (strip.width > CLASSIFIER_WIDTH) {
        status = image_resize(&strip, CLASSIFIER_WIDTH, STRIP_HEIGHT, &squeezed, fault);
        image_free(&strip);
        if (status != PUM_OK)
            return status;
        strip = squeezed;
    }
    status = run_strip(&ocr->classifier, &strip, CLASSIFIER_WIDTH, &output, fault);
    image_free(&strip);
    if (status != PUM_OK)
        return status;
    if (output.rank != 2 || output.dims[1] != 2)
        return fault_set(fault, PUM_E_UNSUPPORTED,
                         "%s: this is no classifier of PP-OCR: it has not two classes",
                         ocr->classifier.path);
    if (((const float *)output.data)[1] >= TURNED_SCORE)
        piece->turns += 2;
    return PUM_OK;
}

/* The turn of most text, by its length. */
static int32_t page_turns(const struct piece *pieces, int32_t count)
{
    double votes[4] = {0};
    for (int32_t i = 0; i < count; i++)
        votes[pieces[i].turns] += pieces[i].strip_width;
    int32_t best = 0;
    for (int32_t t = 1; t < 4; t++)
        if (votes[t] > votes[best])
            best = t;
    return best;
}

/* --- Recognition ----------------------------------------------------------------------------- */

/* Few widths, so that few plans: steps of about a fifth. */
static int32_t bucket_width(int32_t width)
{
    int32_t step = width <= 640 ? 64 : width <= 1280 ? 128 : 256;
    return width <= STRIP_MIN_WIDTH ? STRIP_MIN_WIDTH : round_up(width, step);
}

static pum_status spell_part(struct ocr *ocr, const struct image *part, char **out_text,
                             float *out_score, struct fault *fault)
{
    pum_tensor output;
    pum_status status =
        run_strip(&ocr->recogniser, part, bucket_width(part->width), &output, fault);
    if (status != PUM_OK)
        return status;
    if (output.rank != 3 || output.dims[0] != 1)
        return fault_set(fault, PUM_E_UNSUPPORTED, "%s: this is no recogniser of PP-OCR",
                         ocr->recogniser.path);
    if (output.dims[2] != ocr->dictionary.count + 1)
        return fault_set(fault, PUM_E_UNSUPPORTED,
                         "%s: the recogniser knows %lld characters, the list has %d; they do not "
                         "belong together",
                         ocr->recogniser.path, (long long)output.dims[2] - 1,
                         ocr->dictionary.count);
    return ocr_decode(output.data, (int32_t)output.dims[1], (int32_t)output.dims[2],
                      &ocr->dictionary, out_text, out_score, fault);
}

/* Columns [from, to) of a strip. */
static pum_status part_of_strip(const struct image *strip, int32_t from, int32_t to,
                                struct image *out, struct fault *fault)
{
    pum_status status = image_create(out, to - from, strip->height, fault);
    for (int32_t y = 0; y < strip->height && status == PUM_OK; y++)
        memcpy(out->rgb + (size_t)y * (size_t)out->width * 3,
               strip->rgb + ((size_t)y * (size_t)strip->width + (size_t)from) * 3,
               (size_t)out->width * 3);
    return status;
}

/* Puts b, after a space where asked, behind a; frees both. NULL: out of memory. */
static char *join_text(char *a, char *b, bool space)
{
    size_t length = strlen(a), room = length + strlen(b) + 2;
    char *joined = realloc(a, room);
    if (joined == NULL)
        free(a);
    else
        snprintf(joined + length, room - length, "%s%s", space ? " " : "", b);
    free(b);
    return joined;
}

static pum_status spell_strip(struct ocr *ocr, const struct image *strip, char **out_text,
                              float *out_score, struct fault *fault)
{
    enum { ROOM = 64 };
    struct ocr_part parts[ROOM];
    int32_t count = ocr_split_strip(strip, STRIP_MAX_WIDTH, parts, ROOM);
    double score = 0;
    char *text = NULL;
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < count && status == PUM_OK; i++) {
        struct image part;
        char *more = NULL;
        float part_score = 0;
        status = part_of_strip(strip, parts[i].from, parts[i].to, &part, fault);
        if (status != PUM_OK)
            break;
        status = spell_part(ocr, &part, &more, &part_score, fault);
        score += (double)part_score * part.width / strip->width;
        image_free(&part);
        if (status != PUM_OK)
            break;
        text = text == NULL ? more : join_text(text, more, parts[i - 1].space_after);
        if (text == NULL)
            status = fault_set(fault, PUM_E_MEMORY, "no memory for a line of text");
    }
    if (status != PUM_OK) {
        free(text);
        text = NULL;
    }
    *out_text = text;
    *out_score = (float)score;
    return status;
}

/* Spells the piece the way `turns` says; keeps the result if it is surer than what is there. */
static pum_status try_turn(struct ocr *ocr, const struct image *image, struct piece *piece,
                           int32_t turns, struct fault *fault)
{
    struct image strip;
    pum_status status = cut_strip(image, piece, turns, &strip, fault);
    if (status != PUM_OK)
        return status;
    char *text;
    float score;
    status = spell_strip(ocr, &strip, &text, &score, fault);
    image_free(&strip);
    if (status != PUM_OK)
        return status;
    if (piece->text != NULL && score <= piece->score) {
        free(text);
        return PUM_OK;
    }
    free(piece->text);
    piece->text = text;
    piece->score = score;
    piece->turns = turns;
    return PUM_OK;
}

static pum_status recognise(struct ocr *ocr, const struct image *image, struct piece *piece,
                            int32_t page, struct fault *fault)
{
    int32_t own = piece->turns;
    pum_status status = try_turn(ocr, image, piece, own, fault);
    if (status != PUM_OK || own == page)
        return status;
    /* A line across the page's direction is believed when it is long. */
    float longer = fmaxf((float)piece->width, (float)piece->height);
    float shorter = fminf((float)piece->width, (float)piece->height);
    if ((own & 1) != (page & 1) && longer > 3 * shorter)
        return PUM_OK;
    return try_turn(ocr, image, piece, page, fault);
}

/* --- The whole ------------------------------------------------------------------------------- */

static int compare_strip_width(const void *left, const void *right)
{
    const struct piece *a = left, *b = right;
    return a->strip_width < b->strip_width ? -1 : a->strip_width > b->strip_width;
}

/* A small picture, or a strip, without a box is tried as one line. */
static bool is_like_a_line(const struct image *image)
{
    return image->height <= 96 || image->width > 8 * image->height;
}

static pum_status make_pieces(struct ocr *ocr, const struct image *image, struct piece **out_pieces,
                              int32_t *out_count, struct fault *fault)
{
    struct ocr_box *boxes;
    int32_t count;
    pum_status status = detect(ocr, image, &boxes, &count, fault);
    if (status != PUM_OK)
        return status;
    struct piece *pieces = calloc((size_t)count + 1, sizeof(*pieces));
    if (pieces == NULL) {
        free(boxes);
        return fault_set(fault, PUM_E_MEMORY, "no memory for %d boxes", count);
    }
    for (int32_t i = 0; i < count; i++) {
        pieces[i].box = boxes[i];
        ocr_widen_box(boxes, count, i, pieces[i].cut);
    }
    free(boxes);
    if (count == 0 && is_like_a_line(image)) {
        float right = (float)(image->width - 1), bottom = (float)(image->height - 1);
        pieces[count++].box.quad[1].x = right;
        pieces[0].box.quad[2] = (struct image_point){right, bottom};
        pieces[0].box.quad[3].y = bottom;
        memcpy(pieces[0].cut, pieces[0].box.quad, sizeof(pieces[0].cut));
    }
    for (int32_t i = 0; i < count; i++)
        ocr_cut_size(pieces[i].box.quad, &pieces[i].width, &pieces[i].height);
    *out_pieces = pieces;
    *out_count = count;
    return PUM_OK;
}

/* Moves the texts of sure pieces into the result, in reading order. */
static pum_status collect(struct ocr *ocr, struct piece *pieces, int32_t count, int32_t page,
                          struct ocr_result *result, struct fault *fault)
{
    struct ocr_place *places = calloc((size_t)count + 1, sizeof(*places));
    result->lines = calloc((size_t)count + 1, sizeof(*result->lines));
    pum_status status = PUM_OK;
    if (places == NULL || result->lines == NULL)
        status = fault_set(fault, PUM_E_MEMORY, "no memory for %d lines", count);
    int32_t kept = 0;
    for (int32_t i = 0; i < count && status == PUM_OK; i++) {
        if (pieces[i].text[0] == '\0' || pieces[i].score < ocr->params.min_score)
            continue;
        memcpy(places[kept].quad, pieces[i].box.quad, sizeof(places[kept].quad));
        places[kept++].index = i;
    }
    if (status == PUM_OK)
        status = ocr_sort(places, kept, page * 90, fault);
    for (int32_t i = 0; i < kept && status == PUM_OK; i++) {
        struct piece *piece = &pieces[places[i].index];
        struct ocr_line *line = &result->lines[result->count++];
        memcpy(line->quad, piece->box.quad, sizeof(line->quad));
        line->text = piece->text;
        piece->text = NULL;
        line->score = piece->score;
        line->box_score = piece->box.score;
        line->angle = piece->turns * 90;
        line->row = places[i].row;
    }
    free(places);
    return status;
}

pum_status ocr_read(struct ocr *ocr, const struct image *image, struct ocr_result *out_result,
                    struct fault *fault)
{
    memset(out_result, 0, sizeof(*out_result));
    struct piece *pieces = NULL;
    int32_t count = 0;
    double start = now_ms();
    report(ocr, "finding text", 0, 1);
    pum_status status = make_pieces(ocr, image, &pieces, &count, fault);
    double found = now_ms();
    for (int32_t i = 0; i < count && status == PUM_OK; i++) {
        report(ocr, "looking which way up", i, count);
        status = classify(ocr, image, &pieces[i], fault);
    }
    double classified = now_ms();
    int32_t page = 0;
    if (status == PUM_OK && count > 0) {
        page = page_turns(pieces, count);
        qsort(pieces, (size_t)count, sizeof(*pieces), compare_strip_width);
    }
    for (int32_t i = 0; i < count && status == PUM_OK; i++) {
        report(ocr, "reading", i, count);
        status = recognise(ocr, image, &pieces[i], page, fault);
    }
    if (status == PUM_OK && count > 0)
        status = collect(ocr, pieces, count, page, out_result, fault);
    for (int32_t i = 0; i < count; i++)
        free(pieces[i].text);
    free(pieces);
    if (status != PUM_OK) {
        ocr_result_free(out_result);
        return status;
    }
    double end = now_ms();
    out_result->detect_ms = found - start;
    out_result->classify_ms = classified - found;
    out_result->recognise_ms = end - classified;
    out_result->total_ms = end - start;
    return PUM_OK;
}

void ocr_result_free(struct ocr_result *result)
{
    for (int32_t i = 0; i < result->count; i++)
        free(result->lines[i].text);
    free(result->lines);
    memset(result, 0, sizeof(*result));
}

char *ocr_result_text(const struct ocr_result *result)
{
    size_t room = 1;
    for (int32_t i = 0; i < result->count; i++)
        room += strlen(result->lines[i].text) + 1;
    char *text = malloc(room);
    if (text == NULL)
        return NULL;
    size_t used = 0;
    for (int32_t i = 0; i < result->count; i++) {
        bool last = i + 1 == result->count || result->lines[i + 1].row != result->lines[i].row;
        size_t length = strlen(result->lines[i].text);
        memcpy(text + used, result->lines[i].text, length);
        used += length;
        text[used++] = last ? '\n' : ' ';
    }
    text[used] = '\0';
    return text;
}
