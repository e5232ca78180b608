// SPDX-License-Identifier: MIT
//
// grid.glsl - the number of a workgroup when lower_grid() spread a 1-D count over x, y and z.
#ifndef GRID_GLSL
#define GRID_GLSL
uint linear_group() {
    return (gl_WorkGroupID.z * gl_NumWorkGroups.y + gl_WorkGroupID.y) * gl_NumWorkGroups.x +
           gl_WorkGroupID.x;
}
#endif
