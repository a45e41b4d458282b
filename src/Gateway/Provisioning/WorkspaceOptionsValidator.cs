using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace Gateway.Provisioning;

/// <summary>Finds all faults of the <see cref="WorkspaceOptions"/> at once.</summary>
internal sealed partial class WorkspaceOptionsValidator : IValidateOptions<WorkspaceOptions>
{
    public ValidateOptionsResult Validate(string? name, WorkspaceOptions options)
    {
        var faults = new List<string>();
        Names(options, faults);
        Size(options, faults);
        Environment(options, faults);
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    /// <summary>The faults of one user's override, by its own keys.</summary>
    public static IReadOnlyList<string> FaultsOf(WorkspaceOverride own, WorkspaceOptions template)
    {
        var faults = new List<string>();
        var merged = new WorkspaceOptions
        {
            CpuKind = own.CpuKind ?? template.CpuKind,
            Cpus = own.Cpus ?? template.Cpus,
            MemoryMb = own.MemoryMb ?? template.MemoryMb,
            VolumeSizeGb = own.VolumeSizeGb ?? template.VolumeSizeGb,
        };
        Size(merged, faults);
        Check(faults, own.Image is null || (own.Image.Length is > 0 and <= 512 && !own.Image.Any(char.IsWhiteSpace)), "Image", "must name an image");
        Check(faults, own.Regions is null || own.Regions.All(region => Region().IsMatch(region)), "Regions", "must be Fly's codes of three letters, such as sjc");
        return faults;
    }

    private static void Names(WorkspaceOptions options, List<string> faults)
    {
        Check(AppName().IsMatch(options.App), "App", "must be the name of a Fly app: lower-case letters, digits and dashes");
        Check(!string.IsNullOrWhiteSpace(options.Image), "Image", "must name the image that users' machines run");
        Check(options.NameKey.Length >= 32, "NameKey", "must be a secret of at least 32 characters (for example `openssl rand -hex 32`), the same for all replicas and for ever; set it as Workspaces__NameKey");
        Check(options.MountPath.StartsWith('/') && options.MountPath.Length > 1, "MountPath", "must be an absolute path below /");
        foreach (var region in options.Regions.Where(region => !Region().IsMatch(region)))
        {
            faults.Add($"Workspaces:Regions has \"{region}\"; give Fly's codes of three letters, such as sjc");
        }

        Check(options.RegionHeader.Length == 0 || HeaderName().IsMatch(options.RegionHeader), "RegionHeader", "must be the name of a header, such as Fly-Region, or empty");
        Check(options.RestartPolicy is "on-failure" or "no", "RestartPolicy", "must be on-failure or no; always would not let a machine sleep");
        Check(options.ProvisioningLimit >= TimeSpan.FromSeconds(10) && options.ProvisioningLimit <= TimeSpan.FromMinutes(30), "ProvisioningLimit", "must be between 10 seconds and 30 minutes");
        void Check(bool right, string key, string advice) => WorkspaceOptionsValidator.Check(faults, right, key, advice);
    }

    private static void Size(WorkspaceOptions options, List<string> faults)
    {
        var kind = options.CpuKind;
        Check(faults, kind is "shared" or "performance", "CpuKind", "must be shared or performance");
        Check(faults, options.Cpus is 1 or 2 or 4 or 6 or 8 or 16 && !(kind == "shared" && options.Cpus == 16), "Cpus", "must be 1, 2, 4, 6 or 8 (or 16 with performance)");
        var (least, most, step) = kind == "performance" ? (2048, 8192, 2048) : (256, 2048, 256);
        Check(faults, options.MemoryMb >= least * options.Cpus && options.MemoryMb <= most * options.Cpus && options.MemoryMb % step == 0, "MemoryMb", $"must be {least} to {most} for each CPU, in steps of {step}");
        Check(faults, options.VolumeSizeGb is >= 1 and <= 500, "VolumeSizeGb", "must be 1 to 500");
        Check(faults, options.Port is >= 1 and <= 65535, "Port", "must be 1 to 65535");
    }

    private static void Environment(WorkspaceOptions options, List<string> faults)
    {
        foreach (var (key, value) in options.Env)
        {
            Check(faults, EnvName().IsMatch(key), $"Env:{key}", "must be a name of letters, digits and underscores");
            Check(faults, !LooksSecret(key), $"Env:{key}", $"looks like a secret, and a machine's env can be read by everybody who can read the machine; set it as the app's secret instead: fly secrets set {key}=… --app {options.App}");
            Check(faults, key is not "USER_ID", $"Env:{key}", "is set by the gateway; remove it");
            Check(faults, !(key == "PORT" && value.Length > 0 && value != options.Port.ToString(System.Globalization.CultureInfo.InvariantCulture)), $"Env:{key}", "must be the same as Workspaces:Port");
            Check(faults, !(key == "WORKSPACE_DIR" && value.Length > 0 && value != options.MountPath && !value.StartsWith(options.MountPath + "/", StringComparison.Ordinal)), $"Env:{key}", "must lie on the volume, at or below Workspaces:MountPath, or files do not survive sleep");
        }
    }

    // By the words of the name: MAX_OUTPUT_TOKENS is no secret.
    private static bool LooksSecret(string key)
    {
        var words = key.ToUpperInvariant().Split('_');
        return words.Any(word => word is "TOKEN" or "SECRET" or "PASSWORD" or "APIKEY") || key.Contains("API_KEY", StringComparison.OrdinalIgnoreCase);
    }

    private static void Check(List<string> faults, bool right, string key, string advice)
    {
        if (!right)
        {
            faults.Add($"{WorkspaceOptions.Section}:{key} {advice}");
        }
    }

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9-]{0,62}\z", RegexOptions.CultureInvariant)]
    private static partial Regex AppName();

    [GeneratedRegex(@"\A[a-z]{3}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Region();

    [GeneratedRegex(@"\A[A-Za-z0-9-]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex HeaderName();

    [GeneratedRegex(@"\A[A-Za-z_][A-Za-z0-9_]*\z", RegexOptions.CultureInvariant)]
    private static partial Regex EnvName();
}
