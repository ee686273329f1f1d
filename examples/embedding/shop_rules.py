# SPDX-License-Identifier: MIT
# Becomes part of libshop.so and is run once, before the first call is answered.
from shop_plugin import ffi

PRICES = {"apple": 0.5, "melon": 3.0}
questions = 0


# An exception is printed, and C gets `error`.
@ffi.def_extern(error=-1.0)
def shop_price(item, count):
    global questions
    questions += 1
    price = PRICES[ffi.string(item).decode()] * count
    return price * 0.9 if count >= 10 else price


@ffi.def_extern()
def shop_questions():
    return questions
