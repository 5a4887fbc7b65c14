FROM alpine
ARG name=world
COPY <<EOF /hello
Hello $name, ${other:-you} and \$you "quoted" 'single $name'
EOF
COPY <<"EOF" /raw
Hello $name
EOF
COPY <<-EOF a <<second.txt /dir/
	tab $name
		two
	EOF
2
second.txt
ADD --chmod=755 <<'X' /x
#!/bin/sh
X
COPY <<EOF <<EOF /twice/
1
EOF
2
EOF
