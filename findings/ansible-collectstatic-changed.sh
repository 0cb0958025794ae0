#!/bin/sh
# When the number of static files that were copied ends in 0, Ansible's django_manage says that nothing has changed.
#
# What:      community.general 13.5.0 (of ansible 14.5.0), Django 6.1.3. Whether `command: collectstatic` has changed something is read
#            from what Django prints: nothing, if that has "0 static files" in it. "130 static files copied" has it, too. So after
#            a deploy of 10, 20 or 130 new files the task is "ok", its handlers don't run, and the next run finds nothing to copy.
# Expected:  the pages on handlers and on return values: "changed" where a task had to make a change, and then its handlers run. The
#            reference of the module names no exception.
# Hurt:      whoever empties a cache, tells a CDN or reloads a server by a handler, or by "changed" in a pipeline: after one deploy in ten
#            visitors go on with the old files, while the recap says that all is well; and the same deploy on a new host, where
#            there are other files to copy, does run the handler.
# Instead:   ansible.builtin.command and `changed_when: not result.stdout.strip().startswith('0 ')`.
. "$(dirname "$0")/common.sh"
begin 12
install ansible==14.5.0 Django==6.1.3

cat >manage.py <<'CODE'
#!/usr/bin/env python
import sys

from django.conf import settings
from django.core.management import execute_from_command_line

settings.configure(
    INSTALLED_APPS=["django.contrib.staticfiles"],
    STATICFILES_DIRS=["assets"],
    STATIC_ROOT="collected",
    STATIC_URL="/static/",
)
execute_from_command_line(sys.argv)
CODE
chmod +x manage.py
cat >deploy.yml <<CONF
- hosts: localhost
  gather_facts: false
  tasks:
    - name: By the module
      community.general.django_manage: {command: collectstatic, app_path: "$WORK", virtualenv: "$WORK/venv"}
      register: collected
      notify: Empty the cache
      when: way == 'module'
    - name: By the command
      ansible.builtin.command: {cmd: ./manage.py collectstatic --noinput, chdir: "$WORK"}
      register: result
      changed_when: not result.stdout.strip().startswith('0 ')
      notify: Empty the cache
      when: way == 'command'
    - ansible.builtin.debug: {msg: "{{ (collected.out | default(result.stdout)) | trim }}"}
  handlers:
    - name: Empty the cache
      ansible.builtin.debug: {msg: emptied}
CONF
export ANSIBLE_HOME="$WORK/home" ANSIBLE_LOCALHOST_WARNING=false ANSIBLE_NOCOLOR=true ANSIBLE_INVENTORY_UNPARSED_WARNING=false

# Deploy this many new files.
deploy() {
    mkdir -p assets
    for number in $(seq "$2"); do [ -f "assets/$2-$number.css" ] || echo "$2" >"assets/$2-$number.css"; done
    ansible-playbook --extra-vars "way=$1" deploy.yml | grep -E 'msg|HANDLER|localhost *:'
}

for number in 9 10 25 130; do
    observe "$number-by-module" deploy module $number
    is "$number-by-module" "\"$number static files copied"
done
for number in 9 25; do
    is "$number-by-module" 'changed=1 '
    is "$number-by-module" 'RUNNING HANDLER \[Empty the cache\]'
done
for number in 10 130; do
    is "$number-by-module" 'changed=0 '
    isnt "$number-by-module" HANDLER
done
observe 130-by-module-again deploy module 130
is 130-by-module-again '"0 static files copied'
isnt 130-by-module-again HANDLER
observe 20-by-command deploy command 20
is 20-by-command '"20 static files copied'
is 20-by-command 'RUNNING HANDLER \[Empty the cache\]'
observe 20-by-command-again deploy command 20
is 20-by-command-again '"0 static files copied'
isnt 20-by-command-again HANDLER
finish
