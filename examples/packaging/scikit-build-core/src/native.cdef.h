/* Read by jiffi: what Python may use of edit.h. */
enum edit_kind { EDIT_INSERT, EDIT_DELETE, EDIT_REPLACE, EDIT_KINDS, ... };

size_t edit_distance(const uint32_t *a, size_t a_length,
                     const uint32_t *b, size_t b_length,
                     const unsigned cost[EDIT_KINDS]);
