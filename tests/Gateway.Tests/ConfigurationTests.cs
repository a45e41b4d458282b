using System.Text.Json;
using Gateway.Identity;
using Gateway.Identity.Assertions;
using Gateway.Idling;
using Gateway.Machines;
using Gateway.Operations;
using Gateway.Operations.Costs;
using Gateway.Provisioning;
using Gateway.Proxying;
using Gateway.Reconciling;
using Gateway.Sessions;
using Gateway.Waking;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace Gateway.Tests;

/// <summary>The written-out defaults are the code's, and the page of settings knows each of them.</summary>
public sealed class ConfigurationTests
{
    private static readonly string Root = FindRoot();

    [Fact]
    public void Written_out_defaults_are_those_of_the_code()
    {
        var written = new ConfigurationBuilder().AddJsonFile(Path.Combine(Root, "appsettings.json")).Build();

        AssertSame(new IdentityOptions(), written, IdentityOptions.Section);
        AssertSame(new AssertionOptions(), written, AssertionOptions.Section);
        AssertSame(new SessionsOptions(), written, SessionsOptions.Section);
        AssertSame(new MachinesOptions(), written, MachinesOptions.Section);
        AssertSame(new WakingOptions(), written, WakingOptions.Section);
        AssertSame(new ReconcilingOptions(), written, ReconcilingOptions.Section);
        AssertSame(new IdlingOptions(), written, IdlingOptions.Section);
        AssertSame(new ProxyingOptions(), written, ProxyingOptions.Section);
        AssertSame(new OperationsOptions(), written, OperationsOptions.Section);
        AssertSame(new TracingOptions(), written, TracingOptions.Section);
        AssertSame(new CostOptions(), written, CostOptions.Section);
        var workspaces = new WorkspaceOptions();
        AssertSame(workspaces, written, WorkspaceOptions.Section, but: nameof(WorkspaceOptions.Regions));
        Assert.Equal(workspaces.RegionsInOrder, written.GetSection("Workspaces:Regions").Get<string[]>());
    }

    [Fact]
    public void Every_setting_is_explained()
    {
        var page = File.ReadAllText(Path.Combine(Root, "docs", "configuration.md"));
        using var written = JsonDocument.Parse(File.ReadAllText(Path.Combine(Root, "appsettings.json")));
        foreach (var section in written.RootElement.EnumerateObject().Where(static section => section.Name != "Logging"))
        {
            Assert.All(section.Value.EnumerateObject(), setting => Assert.Contains($"`{section.Name}:{setting.Name}`", page, StringComparison.Ordinal));
        }
    }

    private static void AssertSame<T>(T defaults, IConfiguration written, string section, string? but = null)
        where T : class, new()
    {
        var read = written.GetSection(section).Get<T>()!;
        foreach (var property in typeof(T).GetProperties().Where(property => property.CanWrite && property.Name != but))
        {
            Assert.Equal(JsonSerializer.Serialize(property.GetValue(defaults)), JsonSerializer.Serialize(property.GetValue(read)));
            Assert.True(written.GetSection(section).GetChildren().Any(child => child.Key == property.Name) || IsEmpty(property.GetValue(defaults)), $"{section}:{property.Name} is not written out.");
        }
    }

    // The configuration keeps no trace of an empty list or object.
    private static bool IsEmpty(object? value) => value is System.Collections.ICollection { Count: 0 };

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Gateway.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("The repository's root was not found.");
        }

        return folder.FullName;
    }
}
