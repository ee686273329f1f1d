/* Declarations only, see wave_types.h. */

enum wave_status wave_tone(struct wave_block *out, double hertz, double volume);
