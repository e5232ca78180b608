/* SPDX-License-Identifier: MIT
 *
 * push_transpose.h - what the tiled transpose gets: batches of matrices whose rows are contiguous
 * in the input and whose columns are contiguous in the output. In elements.
 */
#ifndef PUSH_TRANSPOSE_H
#define PUSH_TRANSPOSE_H
#include "push_types.h"

#define TRANSPOSE_BATCH_RANK 4
#define TRANSPOSE_TILE 32

struct push_transpose {
    push_uint columns;      /* the dim that is contiguous in the input */
    push_uint rows;         /* the dim that is contiguous in the output */
    push_uint tiles_x;      /* columns and rows in tiles */
    push_uint tiles_y;
    push_uint groups;       /* tiles of all batches */
    push_uint in_offset;
    push_uint out_offset;
    push_uint in_row;       /* from one row to the next in the input */
    push_uint out_column;   /* from one column to the next in the output */
    push_uint rank;         /* batch dims in use */
    push_uint dims[TRANSPOSE_BATCH_RANK];
    push_uint in_strides[TRANSPOSE_BATCH_RANK];
    push_uint out_strides[TRANSPOSE_BATCH_RANK];
};
#endif
