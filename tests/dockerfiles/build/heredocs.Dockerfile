FROM scratch
ARG NAME=world
ENV WHO=$NAME
COPY <<EOT /hello
Hello $WHO ${NAME:-nobody} \$NAME
EOT
COPY <<'EOT' /literal
Hello $WHO
EOT
COPY <<-EOT /tabs
	indented
		twice
	EOT
COPY --chmod=755 --chown=5:5 <<EOT /bin/script
#!/bin/sh
echo $0
EOT
