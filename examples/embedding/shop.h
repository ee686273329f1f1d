/* What the program sees of the library, and what Python has to provide. */

/* The price of `count` pieces, or -1 if there is none. Any thread may call. */
double shop_price(const char *item, int count);

/* How often shop_price() was asked. */
int shop_questions(void);
