#!/bin/sh
# A host whose play is ended early loses the handlers that it has notified, and the next run says that all is well.
#
# What:      ansible-core 2.21.5. A task changes a server's configuration and notifies "Reload"; further on `meta: end_host` leaves out
#            this host, since nothing else is to be done there. The handler doesn't run for it, with `force_handlers: true` neither,
#            and the recap has failed=0. The next run finds the file as it should be: ok, nothing notified. With `end_play` and
#            `end_batch` it's the same for all hosts. With `end_role` the handlers run.
# Expected:  the reference of meta: end_host "causes the play to end for the current host without failing it"; only of end_role does it
#            say what becomes of handlers, that they run. The one on handlers has them lost where a task fails, and force_handlers
#            against it.
# Hurt:      whoever has an `end_host` behind tasks that write something: a server goes on with the old certificate, password or list of
#            addresses until someone restarts it, weeks later and for another reason, while the file on disk is the new one.
# Instead:   `meta: flush_handlers` before each of the three; or a block with a condition in their place.
. "$(dirname "$0")/common.sh"
begin 12
install ansible-core==2.21.5

cat >play.yml <<CONF
- hosts: all
  gather_facts: false
  connection: local
  serial: "{{ batch | default('100%') }}"
  force_handlers: true
  tasks:
    - name: Write the configuration
      ansible.builtin.copy: {content: "{{ content }}", dest: "$WORK/{{ inventory_hostname }}.conf", mode: "0644"}
      notify: Reload
    - name: Have it done before the end
      ansible.builtin.meta: flush_handlers
      when: flush is defined
    - name: End it
      ansible.builtin.include_tasks: "{{ how }}.yml"
  handlers:
    - name: Reload
      ansible.builtin.command: cp "$WORK/{{ inventory_hostname }}.conf" "$WORK/{{ inventory_hostname }}.running"
CONF
echo "[]" >nothing.yml
echo '[{ansible.builtin.meta: end_host, when: inventory_hostname == "two"}]' >end_host.yml
echo '[{ansible.builtin.meta: end_play}]' >end_play.yml
echo '[{ansible.builtin.meta: end_batch}]' >end_batch.yml
mkdir -p roles/early/tasks
echo '[{ansible.builtin.meta: end_role}]' >roles/early/tasks/main.yml
echo '[{ansible.builtin.include_role: {name: early}}]' >end_role.yml
export ANSIBLE_HOME="$WORK/home" ANSIBLE_NOCOLOR=true

# Run the play, and say what each server has on disk and what it runs with.
run() {
    ansible-playbook --inventory one,two, --extra-vars "ansible_python_interpreter=$WORK/venv/bin/python $*" play.yml | grep ' ok='
    for host in one two; do echo "$host: on disk $(cat $host.conf), running $(cat $host.running)"; done
}

observe first run content=first how=nothing
is first '^one: on disk first, running first$'
is first '^two: on disk first, running first$'
observe end-host run content=second how=end_host
is end-host '^two .* changed=1 .* failed=0 '
is end-host '^one: on disk second, running second$'
is end-host '^two: on disk second, running first$'
observe next-run run content=second how=nothing
is next-run '^two .* changed=0 .* failed=0 '
is next-run '^two: on disk second, running first$'

observe end-play run content=third how=end_play
is end-play '^one: on disk third, running second$'
is end-play '^two: on disk third, running first$'
observe end-batch run content=fourth how=end_batch batch=1
is end-batch '^one: on disk fourth, running second$'
observe end-role run content=fifth how=end_role
is end-role '^two: on disk fifth, running fifth$'
observe flushed run content=sixth how=end_host flush=yes
is flushed '^two: on disk sixth, running sixth$'
finish
