import type { Detection, Folder } from "./detection.ts";

export function detectGo(folder: Folder): Detection {
  const version = /^go\s+(\d+\.\d+)/m.exec(folder.read("go.mod") ?? "")?.[1] ?? "1";
  const target = folder.has("main.go") || !folder.has("cmd") ? "." : "./cmd/...";
  const manifests = ["go.mod", "go.sum"].filter((file) => folder.has(file)).join(" ");
  return { kind: "go", port: 8080, healthPath: undefined, values: { version, target, manifests } };
}

export function detectJava(folder: Folder): Detection {
  const maven = folder.read("pom.xml");
  const version = (maven && /<(?:maven\.compiler\.release|java\.version|release)>\s*(\d+)/.exec(maven)?.[1]) ?? "21";
  const values =
    maven === undefined
      ? { builder: `gradle:jdk${version}`, build: "gradle --no-daemon build -x test", jar: "/src/build/libs/*.jar" }
      : {
          builder: `maven:3-eclipse-temurin-${version}`,
          build: "mvn -B package -DskipTests",
          jar: "/src/target/*.jar",
        };
  return { kind: "java", port: 8080, healthPath: undefined, values: { ...values, version } };
}

export function detectRust(folder: Folder): Detection {
  const cargo = folder.read("Cargo.toml") ?? "";
  const binary =
    /\[\[bin\]\][^[]*?\bname\s*=\s*"([A-Za-z0-9_-]+)"/.exec(cargo)?.[1] ??
    /\[package\][^[]*?\bname\s*=\s*"([A-Za-z0-9_-]+)"/.exec(cargo)?.[1] ??
    "app";
  return { kind: "rust", port: 8080, healthPath: undefined, values: { version: "1", binary } };
}
