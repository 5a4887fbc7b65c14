FROM alpine
ADD a.tar.gz /a
ADD https://example.com/file.txt /b
ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://example.com/x.tar.gz /c
ADD --keep-git-dir=true https://github.com/moby/buildkit.git#v0.1 /d
ADD --unpack https://example.com/y.tar /e
ADD --unpack=false z.tar /f
ADD git@github.com:moby/buildkit.git /g
ADD --link --chown=1 --chmod=7 --exclude=*.o a /h
