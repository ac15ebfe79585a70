# Runs the conformance kit on this Windows machine, as an administrator:
#   .\run.ps1 -Containerd C:\containerd\bin          with the containerd that is there
#   .\run.ps1 -Download 2.4.2                        with one from its project's release page
#   .\run.ps1 -Download 1.7.35 -Arguments "-pull"    pods too: their images are fetched
# It leaves junit.xml, summary.md and containerd's logs in -Out, installs nothing,
# and ends with 0 if all is well. All logic is in kit.exe: kit.exe -help.
param(
    [string]$Containerd = "",
    [string]$Download = "",
    [string]$Shim = "",
    [string]$Out = "results",
    [string[]]$Arguments = @()
)
$ErrorActionPreference = "Stop"
[Net.ServicePointManager]::SecurityProtocol = "Tls12"
$ProgressPreference = "SilentlyContinue"

if ($Shim -eq "") {
    $Shim = Join-Path $PSScriptRoot "containerd-shim-hostprocess-v1.exe"
}
New-Item -ItemType Directory -Force -Path $Out | Out-Null
if ($Download -ne "") {
    $name = "containerd-" + $Download + "-windows-amd64.tar.gz"
    $from = "https://github.com/containerd/containerd/releases/download/v" + $Download + "/" + $name
    $folder = Join-Path $Out ("containerd-" + $Download)
    New-Item -ItemType Directory -Force -Path $folder | Out-Null
    $file = Join-Path $folder $name
    Invoke-WebRequest -UseBasicParsing -Uri $from -OutFile $file
    Invoke-WebRequest -UseBasicParsing -Uri ($from + ".sha256sum") -OutFile ($file + ".sha256sum")
    $want = (Get-Content ($file + ".sha256sum")).Split(" ")[0]
    $have = (Get-FileHash -Algorithm SHA256 $file).Hash
    if ($have -ne $want) {
        throw "the download has another checksum than its project says: $have"
    }
    tar.exe -xzf $file -C $folder
    $Containerd = Join-Path $folder "bin"
}
if ($Containerd -eq "") {
    throw "name a folder with containerd.exe (-Containerd) or a version (-Download)"
}
$kit = Join-Path $PSScriptRoot "kit.exe"
& $kit -containerd $Containerd -shim $Shim -out $Out @Arguments
exit $LASTEXITCODE
