import type { Detection, Folder, Health } from "./detection.ts";

/** Versions with long-term support: for these there are images to build and to run with. */
const longTerm = [8, 11, 17, 21, 25];

export function detectJava(folder: Folder): Detection {
  const maven = folder.read("pom.xml");
  const gradle = folder.read("build.gradle.kts") ?? folder.read("build.gradle");
  const text = maven ?? gradle ?? "";
  const version = javaVersion(text);
  const properties = ["application.properties", "application.yml", "application.yaml"]
    .map((file) => folder.read(`src/main/resources/${file}`) ?? "")
    .join("\n");
  const actuator = /spring-boot-starter-actuator/.test(text);
  const health: Health = actuator ? { path: "/actuator/health" } : "port";
  return {
    kind: "java",
    found: maven === undefined ? `${gradleFile(folder)} (Gradle, Java ${version})` : `pom.xml (Maven, Java ${version})`,
    port: serverPort(properties) ?? 8080,
    health,
    values: { version, ...(maven === undefined ? gradleValues(version) : mavenValues(version, maven)) },
    notes: /<packaging>\s*(?:war|ear|pom)\s*</.test(maven ?? "")
      ? ["pom.xml makes no jar that starts by itself: see the last lines of the Dockerfile"]
      : [],
  };
}

function mavenValues(version: string, pom: string): Record<string, string> {
  return {
    builder: `maven:3-eclipse-temurin-${version}`,
    // Modules have their own pom.xml: then there is no one file that decides.
    manifests: /<modules>/.test(pom) ? "" : "pom.xml",
    cache_mount: "",
    build: "mvn -B -DskipTests package",
    jars: "target/*.jar",
  };
}

function gradleValues(version: string): Record<string, string> {
  return {
    builder: `gradle:jdk${version}`,
    manifests: "",
    cache_mount: "--mount=type=cache,target=/home/gradle/.gradle ",
    build: "gradle --no-daemon assemble",
    jars: "build/libs/*.jar",
  };
}

function gradleFile(folder: Folder): string {
  return folder.has("build.gradle.kts") ? "build.gradle.kts" : "build.gradle";
}

function javaVersion(text: string): string {
  const said =
    /<(?:maven\.compiler\.(?:release|source|target)|java\.version|release|source)>\s*(?:1\.)?(\d+)/.exec(text) ??
    /JavaLanguageVersion\.of\(\s*["']?(\d+)/.exec(text) ??
    /(?:sourceCompatibility|targetCompatibility)\s*=\s*["']?(?:JavaVersion\.VERSION_)?(?:1[._])?(\d+)/.exec(text) ??
    /jvmToolchain\(\s*(\d+)/.exec(text);
  const wanted = Number(said?.[1] ?? 21);
  return String(longTerm.find((version) => version >= wanted) ?? wanted);
}

function serverPort(properties: string): number | undefined {
  const said =
    /^\s*server\.port\s*[=:]\s*(?:\$\{\w+:)?(\d{2,5})\b/m.exec(properties) ??
    /^server:\s*\n(?:[ \t]+.*\n)*?[ \t]+port:\s*(?:\$\{\w+:)?(\d{2,5})\b/m.exec(properties);
  const port = Number(said?.[1]);
  return port <= 65_535 ? port : undefined;
}
