//! What people ship, and what of it is recognised as dependencies.

use super::*;

/// Lines of `D PATH` and `A PATH`: dependency or application.
#[track_caller]
fn expect(listing: &str) {
    let lines: Vec<(&str, &str)> =
        listing.lines().filter_map(|line| line.trim().split_once(' ')).map(|(kind, at)| (at, kind)).collect();
    let parts = split(tree(lines.iter().map(|(at, _)| (at, 100))));
    let found: Vec<(&str, &str)> = lines
        .iter()
        .map(|(at, _)| (*at, if part_of(&parts, at) == "dependencies" { "D" } else { "A" }))
        .collect();
    assert_eq!(found, lines);
}

#[test]
fn node() {
    expect(
        "A app/package.json
         A app/dist/server.js
         A app/dist/node_modules.js
         D app/node_modules/.bin/next
         D app/node_modules/express/index.js
         D app/node_modules/express/lib/vendor/x.js
         D app/packages/api/node_modules/zod/index.js
         A app/packages/api/src/index.js
         D app/node_modules/.pnpm/zod@3.22.4/node_modules/zod/index.js
         D app/.yarn/cache/zod-npm-3.22.4.zip
         D app/.pnp.cjs
         A app/.yarn/plugins/own.cjs
         D app/public/vendor/jquery.js
         D app/bower_components/jquery/jquery.js",
    );
}

#[test]
fn python() {
    expect(
        "A app/shop/views.py
         D app/venv/pyvenv.cfg
         D app/venv/bin/python
         D app/venv/lib/python3.12/site-packages/django/__init__.py
         D usr/local/lib/python3.12/site-packages/six.py
         A usr/local/lib/python3.12/os.py
         D usr/lib/python3/dist-packages/yaml/__init__.py
         D opt/conda/conda-meta/history
         D opt/conda/bin/python
         D app/__pypackages__/3.12/lib/x.py",
    );
}

#[test]
fn vendor_directories() {
    expect(
        "A php/src/Shop.php
         D php/vendor/autoload.php
         D php/vendor/symfony/http-kernel/Kernel.php
         A go/main.go
         D go/vendor/modules.txt
         D go/vendor/golang.org/x/sys/unix/zerrors.go
         D rails/vendor/bundle/ruby/3.3.0/gems/rails-7.1.0/lib/rails.rb
         A rails/app/models/shop.rb
         A shop/src/vendor/vendor.controller.js
         A shop/src/vendor/list.js",
    );
}

#[test]
fn ruby_outside_of_vendor() {
    expect(
        "D usr/local/bundle/gems/rails-7.1.0/lib/rails.rb
         D usr/local/bundle/specifications/rails-7.1.0.gemspec
         A app/gems/own.rb",
    );
}

#[test]
fn java() {
    expect(
        "D app/BOOT-INF/lib/spring-core-6.1.2.jar
         A app/BOOT-INF/lib/shop-common-1.0-SNAPSHOT.jar
         A app/BOOT-INF/classes/Shop.class
         D app/org/springframework/boot/loader/launch/JarLauncher.class
         D war/WEB-INF/lib/one.jar
         A war/WEB-INF/classes/Shop.class
         D quarkus/lib/main/a.jar
         D quarkus/lib/main/b.jar
         D quarkus/lib/boot/c.jar
         D quarkus/lib/boot/d.jar
         A quarkus/app/shop-1.0.jar
         A quarkus/quarkus-run.jar
         D maven/target/dependency/guava-33.jar
         A maven/target/shop.jar
         D root/.m2/repository/g/a/1/a-1.jar",
    );
}

#[test]
fn a_gradle_distribution() {
    expect(
        "A shop/bin/shop
         A shop/bin/shop.bat
         A shop/lib/shop-1.4.0.jar
         D shop/lib/shop-client-2.0.jar
         D shop/lib/kotlin-stdlib-1.9.22.jar
         D shop/lib/slf4j-api-2.0.9.jar
         A fat/lib/fat.jar
         A c/lib/libc.so
         A c/lib/one.jar
         A c/lib/a.h
         A c/lib/two.jar
         A c/lib/b.h",
    );
}

#[test]
fn dotnet() {
    expect(
        "A app/Shop.Api.dll
         A app/Shop.Api.runtimeconfig.json
         A app/Shop.Api.deps.json
         A app/Shop.Core.dll
         A app/Shop.Api
         A app/appsettings.json
         D app/Shopify.Sdk.dll
         D app/Newtonsoft.Json.dll
         D app/System.Private.CoreLib.dll
         D app/libcoreclr.so
         D app/runtimes/linux-x64/native/libsqlite.so
         D app/wwwroot/lib/jquery.js
         A app/wwwroot/site.css
         A elsewhere/System.dll
         A elsewhere/runtimes/x",
    );
}

#[test]
fn elixir_and_erlang() {
    expect(
        "A shop/bin/shop
         D shop/erts-14.2/bin/beam.smp
         D shop/lib/phoenix-1.7.10/ebin/phoenix.app
         A shop/lib/shop-0.1.0/ebin/shop.app
         A shop/releases/0.1.0/shop.rel
         D source/deps/phoenix/mix.exs
         A source/mix.exs
         A source/lib/shop.ex
         A c/deps/own.c",
    );
}

#[test]
fn others() {
    expect(
        "D ios/Pods/AFNetworking/AF.m
         D deno-dir/npm/registry.npmjs.org/zod/index.js
         D root/go/pkg/mod/golang.org/x/sys/unix.go
         D usr/lib/R/site-library/ggplot2/DESCRIPTION
         D jre/lib/jvm.cfg
         D jre/lib/modules
         A src/lib.rs
         A target/release/shop",
    );
}

#[test]
fn a_directory_that_is_only_dependencies_is_one_group() {
    expect(
        "D venv/pyvenv.cfg
         D venv/bin/python",
    );
    // The root has no name and may hold anything.
    expect(
        "A pyvenv.cfg
         A bin/python",
    );
}

#[test]
fn reasons_tell_where() {
    let parts = split(tree([
        ("app/node_modules/a/f", 1),
        ("app/x/node_modules/b/node_modules/c", 1),
        ("app/venv/pyvenv.cfg", 1),
        ("app/f", 1),
    ]));
    assert_eq!(parts[0].reason, "dependencies, in `app/node_modules` and 2 more places");
    assert_eq!(parts[1].reason, "the application: what is not recognised as a dependency");
}
