"""The words that the example orders are made of: names, goods, months, and sentences with gaps.

All of it is made up for this purpose and free to use with Luthier.
"""

from __future__ import annotations

_NAMES = """
Zoe Maria Tom Aisha Kenji Ingrid Mateo Priya Kwame Olga Chen Fatima Liam Yuki Carlos Nadia Omar Elif Sven
Amara Diego Mei Ravi Hannah Tariq Lucia Anders Chidi Sofia Hiro Leila Pavel Rosa Samir Greta Kofi Ines
Jamal Thandi Viktor Bianca Arjun Freya Nuno Salma Dmitri Noor Emeka Clara Tuan Ayelet Marek Keiko Hugo
Zainab Ivana Tane Malia Pedro Soraya José Søren Łukasz Zoë Núria Gökhan Aroha Bogdan Dalia Esi
"""
NAMES = tuple(_NAMES.split())

_GOODS = """
lamp mug chair table clock vase pillow blanket candle kettle teapot bowl plate spoon fork pan towel
mirror rug curtain basket broom bucket ladder hammer drill wrench notebook pencil eraser stapler backpack
umbrella apron hat jacket glove belt wallet watch bracelet ring guitar drum puzzle kite tent lantern
compass bottle thermos toaster blender radio camera keyboard monitor charger battery brush box dish torch
bench knife shelf scarf loaf leaf cherry peach
"""
GOODS = tuple(_GOODS.split())

IRREGULAR_PLURALS = {
    "knife": "knives",
    "shelf": "shelves",
    "scarf": "scarves",
    "loaf": "loaves",
    "leaf": "leaves",
}

NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

MONTHS = (
    ("January", 31),
    ("February", 28),
    ("March", 31),
    ("April", 30),
    ("May", 31),
    ("June", 30),
    ("July", 31),
    ("August", 31),
    ("September", 30),
    ("October", 31),
    ("November", 30),
    ("December", 31),
)
"""Each with its number of days in a common year."""

PLAIN_SENTENCE = "Extract: {name} ordered {items}[ for {price}] on {date}."

SENTENCES = (
    "On {date} {name} bought {items}[ for {price}].",
    "Please send {items} to {name}[, total {price}], {date}.",
    "{name} would like {items}[ for {price}], to be delivered on {date}.",
    "New order from {name}: {items}[, {price}], {date}.",
    "{date}: {items} for {name}[, {price} in total].",
    "{name} paid[ {price}] for {items} on {date}.",
    "Order for {name} on {date}: {items}[. Total: {price}].",
    "Could you ship {items} to {name} by {date}?[ The total is {price}.]",
    "Hi, this is {name}. I want {items}[ for {price}], on {date} please.",
    "{items} went to {name} on {date}[ for {price}].",
    "Customer {name}, {date}: {items}[, sum {price}].",
    "We sold {items} to {name}[ for {price}] on {date}.",
    "{name}, {items}[, {price}], {date}.",
    "Deliver {items} on {date} to {name}[, who owes {price}].",
)
"""What stands in brackets is left out when its gap has nothing to fill it."""
