#!/bin/sh
# With MAILERS, a wrong name in LOGGING turns Django's mail about errors off, and nothing says so.
#
# What:      Django 6.1.3, whose MAILERS replace EMAIL_BACKEND. AdminEmailHandler, which mails unhandled exceptions in production,
#            takes the mailer that its option `using` names, else "default". Where MAILERS has no such name, it drops the report:
#            no exception, no line in a log. `check --deploy` sees no wrong `using`. Of a missing "default" it warns that sending
#            will fail; these reports do not fail, they are gone.
# Expected:  the reference of MAILERS has an unknown name raise MailerDoesNotExist, as a direct mail_admins() does here. The
#            guide on migrating to mailers says that once MAILERS is set, reports of errors do *not* ignore failures any more.
# Hurt:      projects that move from EMAIL_BACKEND and name mailers by purpose, or rename one: their own mail still arrives, as it
#            would raise otherwise, so that nobody misses the reports until a fault was reported by visitors.
# Instead:   always define "default"; have a test compare `using` in LOGGING with MAILERS; log an error on purpose after a change.
. "$(dirname "$0")/common.sh"
begin 12
install Django==6.1.3

cat >site_settings.py <<'CODE'
import os

SECRET_KEY = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
ALLOWED_HOSTS = ["*"]
ADMINS = ["operator@example.org"]
ROOT_URLCONF = "site_urls"
MAILERS = {name: {"BACKEND": "site_mail.EmailBackend"} for name in os.environ["NAMES"].split()}
if "USING" in os.environ:
    LOGGING = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {
            "report": {"class": "django.utils.log.AdminEmailHandler", "level": "ERROR", "using": os.environ["USING"]}
        },
        "loggers": {"django": {"handlers": ["report"], "propagate": False}},
    }
CODE
cat >site_mail.py <<'CODE'
from django.core.mail.backends import console


class EmailBackend(console.EmailBackend):
    """Print mail; not Django's own class, which counts as one for development."""
CODE
cat >site_urls.py <<'CODE'
from django.urls import path


def broken(request):
    raise RuntimeError("a fault of the application")


urlpatterns = [path("", broken)]
CODE
cat >fail.py <<'CODE'
"""Ask for the broken page as a visitor would, then for a direct mail to the admins; count what is sent."""

import contextlib, io, sys

import django

django.setup()
from django.core import mail
from django.test import Client


def reports(action):
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        result = action()
    return result, told.getvalue().count("Subject: ")


answer, sent = reports(lambda: Client(raise_request_exception=False).get("/"))
print("the visitor gets", answer.status_code)
print("reports mailed:", sent)
if "direct" in sys.argv:
    try:
        _, sent = reports(lambda: mail.mail_admins("subject", "text"))
        print("direct mails:", sent)
    except mail.MailerDoesNotExist as error:
        print("direct mail raises", type(error).__name__)
CODE
export DJANGO_SETTINGS_MODULE=site_settings PYTHONPATH="$WORK"
with() { env "$@"; }

observe default with NAMES="default bulk" python fail.py direct
is default '^the visitor gets 500$'
is default '^reports mailed: 1$'
is default '^direct mails: 1$'

observe no-default with NAMES="transactional bulk" python fail.py direct
is no-default '^the visitor gets 500$'
is no-default '^reports mailed: 0$'
is no-default '^direct mail raises MailerDoesNotExist$'

observe misspelt with NAMES="default alerts" USING=alrets python fail.py
is misspelt '^reports mailed: 0$'
is misspelt '^exit status 0$'
observe spelt with NAMES="default alerts" USING=alerts python fail.py
is spelt '^reports mailed: 1$'

observe check with NAMES="transactional bulk" django-admin check --deploy
is check 'mail.W001.*Sending email without a valid mailer will fail'
is check '^exit status 0$'
observe check-misspelt with NAMES="default alerts" USING=alrets django-admin check --deploy
isnt check-misspelt 'mail\.|alrets'
is check-misspelt '^exit status 0$'
finish
