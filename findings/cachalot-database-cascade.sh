#!/bin/sh
# With Django's new DB_CASCADE, django-cachalot goes on answering with rows that are no longer there.
#
# What:      django-cachalot 2.9.1, Django 6.1.3. A cart is deleted, and the database deletes the rows that point to it, or takes the cart
#            out of them, by DB_CASCADE or DB_SET_NULL. Queries of those rows that were cached before still count them, list them and
#            get them by key, until something else is written to that table: there is no time limit unless one is set. What
#            goes by the cart is asked anew, so that two figures of one page contradict each other. With CASCADE and SET_NULL,
#            which Django carries out itself, all is as it should be.
# Expected:  django-cachalot names Django 6.1 among what it supports, and says of itself that one never gets stale results and that it
#            handles everything in the ORM. Its page of limits has nothing on cascades.
# Hurt:      who moves to DB_CASCADE for its speed, which Django's release notes name: totals and lists are wrong, a deleted customer's
#            data are still shown, and such a row, saved, is an IntegrityError. A test that makes rows, deletes and counts once
#            finds nothing, for it has cached nothing before.
# Instead:   cachalot.api.invalidate() for the tables that point there, in post_delete of the one that is pointed at (not sent for rows
#            that a cascade of the database deletes in turn); or CACHALOT_UNCACHABLE_TABLES; or CASCADE.
. "$(dirname "$0")/common.sh"
begin 12
install django-cachalot==2.9.1 Django==6.1.3

mkdir shop
touch shop/__init__.py
cat >shop/models.py <<'CODE'
from django.db import models


class Cart(models.Model):
    pass


class ByDjango(models.Model):
    cart = models.ForeignKey(Cart, models.CASCADE)


class ByDatabase(models.Model):
    cart = models.ForeignKey(Cart, models.DB_CASCADE)


class EmptiedByDjango(models.Model):
    cart = models.ForeignKey(Cart, models.SET_NULL, null=True)


class EmptiedByDatabase(models.Model):
    cart = models.ForeignKey(Cart, models.DB_SET_NULL, null=True)
CODE
cat >look.py <<'CODE'
"""Delete a cart that others point to, by this way, and count those before and afterwards."""

import sys

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["cachalot", "shop"],
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
)
django.setup()
from cachalot.api import cachalot_disabled, invalidate
from django.core.management import call_command
from django.db import IntegrityError
from shop import models

call_command("migrate", run_syncdb=True, verbosity=0)
way = getattr(models, sys.argv[1])


def look(when):
    carts = [row.cart_id for row in way.objects.all()]
    print(f"{when}: {way.objects.count()} rows, of {carts}, {way.objects.filter(cart__pk=1).count()} by the cart,", end=" ")
    print("the first is", "there" if way.objects.filter(pk=1).first() else "gone")


cart = models.Cart.objects.create()
for _ in range(3):
    way.objects.create(cart=cart)
look("before")
cart.delete()
look("after")
for row in list(way.objects.all())[:1]:
    try:
        row.save()
        print("saved")
    except IntegrityError as error:
        print("saved:", error)
with cachalot_disabled():
    look("really")
invalidate(way)
look("invalidated")
CODE

observe by-django python look.py ByDjango
is by-django '^after: 0 rows, of \[\], 0 by the cart, the first is gone$'
observe by-database python look.py ByDatabase
is by-database '^after: 3 rows, of \[1, 1, 1\], 0 by the cart, the first is there$'
is by-database '^saved: FOREIGN KEY constraint failed$'
is by-database '^really: 0 rows, of \[\], 0 by the cart, the first is gone$'
is by-database '^invalidated: 0 rows, of \[\], 0 by the cart, the first is gone$'
observe emptied-by-django python look.py EmptiedByDjango
is emptied-by-django '^after: 3 rows, of \[None, None, None\], 0 by the cart'
observe emptied-by-database python look.py EmptiedByDatabase
is emptied-by-database '^after: 3 rows, of \[1, 1, 1\], 0 by the cart'
is emptied-by-database '^really: 3 rows, of \[None, None, None\], 0 by the cart'
finish
