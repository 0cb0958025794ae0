# Make a host that is used for something else already: a wiki with its database, a container, a VPN, ufw, chrony, and a mail catcher.
# What listens is a stand-in where the thing itself can't run in a lab host. $1 is the address of the host.
set -e
address=$1
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq -y --no-install-recommends install chrony ufw nginx-light postgresql > /dev/null

# A wiki: a site of nginx, and a database that another account reaches over the network.
sed -i '1i env WIKI;' /etc/nginx/nginx.conf
cat > /etc/nginx/sites-enabled/wiki.conf << END
server {
    listen 80;
    server_name wiki.example;
    return 200 "the wiki";
}
END
systemctl reload-or-restart nginx
cd /etc/postgresql/*/main
echo "listen_addresses = '*'" >> postgresql.conf
echo "host wiki wiki 0.0.0.0/0 scram-sha-256" >> pg_hba.conf
systemctl restart postgresql
cd /
runuser -u postgres -- psql -q -c "create role wiki login password 'known'" -c "create database wiki owner wiki"

# A container, as Docker joins it to the host: a bridge, chains that drop what passes through the host, a published port.
ip netns add box
ip link add docker0 type bridge
ip address add 172.31.0.1/24 dev docker0
ip link set docker0 up
ip link add veth0 type veth peer name inside netns box
ip link set veth0 master docker0 up
ip -n box address add 172.31.0.2/24 dev inside
ip -n box link set inside up
ip -n box link set lo up
ip -n box route add default via 172.31.0.1
echo 1 > /proc/sys/net/ipv4/ip_forward
iptables -t nat -N DOCKER
iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
iptables -t nat -A DOCKER ! -i docker0 -p tcp --dport 8080 -j DNAT --to-destination 172.31.0.2:8000
iptables -N DOCKER
iptables -A FORWARD -o docker0 -j DOCKER
iptables -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A FORWARD -i docker0 -j ACCEPT
iptables -A DOCKER -d 172.31.0.2 ! -i docker0 -o docker0 -p tcp --dport 8000 -j ACCEPT
iptables -P FORWARD DROP
systemd-run --quiet --unit box ip netns exec box python3 -m http.server 8000 --directory /usr/share/common-licenses

# A router that shows the SSH port as another one.
iptables -t nat -A PREROUTING -p tcp --dport 2222 -j REDIRECT --to-ports 22

# A VPN, which answers by UDP, and a mail catcher that nobody outside should see.
cat > /usr/local/sbin/vpn << END
import socket
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind(("0.0.0.0", 51820))
while True:
    said, sender = here.recvfrom(1000)
    here.sendto(said, sender)
END
systemd-run --quiet --unit vpn python3 /usr/local/sbin/vpn
systemd-run --quiet --unit catcher python3 -m http.server 8025 --directory /usr/share/common-licenses

# Somebody who becomes root by a password, and another Python in front of Debian's, which has none of its packages.
useradd --create-home --shell /bin/bash --groups sudo alice
printf 'alice:of-alice\nroot:of-root\n' | chpasswd
install -d -o alice -g alice -m 700 /home/alice/.ssh
install -o alice -g alice -m 600 /root/.ssh/authorized_keys /home/alice/.ssh/authorized_keys
for name in python3 python3.13; do
    printf '#!/bin/sh\nexec /usr/bin/python3 -S "$@"\n' > /usr/local/bin/$name
    chmod 755 /usr/local/bin/$name
done

for port in 22/tcp 5432/tcp 8025/tcp 51820/udp; do ufw allow $port > /dev/null; done
ufw --force enable > /dev/null
