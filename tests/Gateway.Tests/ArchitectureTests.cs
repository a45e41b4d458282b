using System.Reflection;
using System.Reflection.Emit;
using System.Text.RegularExpressions;
using Xunit;

namespace Gateway.Tests;

/// <summary>Who may know whom among the rooms, read from signatures and from the code of every method.</summary>
public sealed partial class ArchitectureTests
{
    private const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Assembly Gateway = typeof(UserId).Assembly;

    /// <summary>The rooms, each with those it may know beside itself. Operations reads the others; nobody reads Operations.</summary>
    private static readonly Dictionary<string, string[]> Rooms = new()
    {
        ["Redis"] = [],
        ["Machines"] = [],
        ["Sessions"] = ["Redis"],
        ["Waking"] = ["Machines", "Sessions"],
        ["Idling"] = ["Machines", "Sessions"],
        ["Provisioning"] = ["Machines", "Sessions"],
        ["Reconciling"] = ["Machines", "Sessions"],
        ["Identity"] = ["Redis"],
        ["Proxying"] = [],
        ["Operations"] = ["Redis", "Machines", "Sessions", "Waking", "Idling", "Provisioning", "Reconciling", "Identity", "Proxying"],
    };

    /// <summary>Plain values at the root that every room may use, and how a refusal becomes an answer.</summary>
    private static readonly string[] RootValues = ["UserId", "MachineId", "VolumeId", "Traffic", "ClientKind", "ClientKinds", "Refusal", "RefusalResponse", "GatewayTelemetry"];

    /// <summary>The rooms that a deterministic scheduler runs.</summary>
    private static readonly string[] Core = ["Waking", "Idling", "Provisioning", "Reconciling"];

    public static TheoryData<string> EveryRoom => [.. Rooms.Keys];

    [Theory]
    [MemberData(nameof(EveryRoom))]
    public void Room_knows_only_the_rooms_it_may(string room)
    {
        var strangers = from type in TypesOf(room)
                        from used in UsesOf(type)
                        let other = RoomOf(used)
                        where other is not null && other != room && !Rooms[room].Contains(other)
                        select $"{type.FullName} knows {used.FullName}";

        Assert.Empty(strangers.Distinct().Order());
    }

    [Theory]
    [MemberData(nameof(EveryRoom))]
    public void Room_uses_only_plain_values_of_the_root(string room)
    {
        var strangers = from type in TypesOf(room)
                        from used in UsesOf(type)
                        where used.Assembly == Gateway && used.Namespace == nameof(Gateway) && !RootValues.Contains(Outermost(used).Name)
                        select $"{type.FullName} knows {used.FullName}";

        Assert.Empty(strangers.Distinct().Order());
    }

    [Fact]
    public void Every_type_lives_at_the_root_or_in_a_room_of_the_design()
    {
        var elsewhere = from type in Gateway.GetTypes()
                        where type.Namespace is { } home && home.StartsWith("Gateway.", StringComparison.Ordinal) && !Rooms.ContainsKey(home.Split('.')[1])
                        select type.FullName;

        Assert.Empty(elsewhere);
    }

    [Fact]
    public void Nothing_is_named_after_a_drawer()
    {
        var drawers = from type in Gateway.GetTypes()
                      where type.Namespace?.StartsWith("Gateway", StringComparison.Ordinal) is true && !type.Name.Contains('<')
                      where DrawerNamespace().IsMatch(type.Namespace!) || DrawerType().IsMatch(type.Name)
                      select type.FullName;

        Assert.Empty(drawers);
    }

    [Fact]
    public void Core_rooms_stay_on_the_scheduler_they_were_started_on()
    {
        var leaving = from room in Core
                      from type in TypesOf(room)
                      from method in MethodsOf(type)
                      from called in MembersIn(method).OfType<MethodBase>()
                      where (called.DeclaringType == typeof(Task) && called.Name == nameof(Task.Run))
                          || (called.DeclaringType == typeof(TaskFactory) && called.Name == nameof(TaskFactory.StartNew))
                          || (called.Name == nameof(Task.ConfigureAwait) && called.GetParameters() is [.., { ParameterType: var last }] && last == typeof(bool))
                      select $"{type.FullName}.{method.Name} calls {called.DeclaringType?.Name}.{called.Name}";

        Assert.Empty(leaving.Distinct());
    }

    [Fact]
    public void Reading_of_code_finds_what_only_a_method_body_knows()
    {
        Assert.Contains(typeof(UriBuilder), UsesOf(typeof(Probe)));
        Assert.Contains(typeof(Version), UsesOf(typeof(Probe)));
        Assert.Contains("Machines", TypesOf("Provisioning").SelectMany(UsesOf).Select(RoomOf));
    }

    private static IEnumerable<Type> TypesOf(string room) => Gateway.GetTypes().Where(type => RoomOf(type) == room);

    private static string? RoomOf(Type type) =>
        type.Assembly == Gateway && type.Namespace?.Split('.') is ["Gateway", var room, ..] ? room : null;

    private static Type Outermost(Type type)
    {
        while (type.DeclaringType is { } outer)
        {
            type = outer;
        }

        return type;
    }

    private static HashSet<Type> UsesOf(Type type)
    {
        var used = new HashSet<Type>();
        Add(used, type.BaseType);
        Add(used, type.GetInterfaces());
        Add(used, type.GetFields(All).Select(field => field.FieldType));
        foreach (var method in MethodsOf(type))
        {
            Add(used, method.GetParameters().Select(parameter => parameter.ParameterType));
            Add(used, (method as MethodInfo)?.ReturnType);
            Add(used, method.GetMethodBody()?.LocalVariables.Select(local => local.LocalType) ?? []);
            foreach (var member in MembersIn(method))
            {
                Add(used, member as Type ?? member.DeclaringType);
                Add(used, (member as FieldInfo)?.FieldType);
                Add(used, (member as MethodInfo)?.ReturnType);
                Add(used, member is MethodInfo { IsGenericMethod: true } generic ? generic.GetGenericArguments() : []);
            }
        }

        return used;
    }

    private static void Add(HashSet<Type> used, IEnumerable<Type> types)
    {
        foreach (var type in types)
        {
            Add(used, type);
        }
    }

    private static void Add(HashSet<Type> used, Type? type)
    {
        if (type is null || type.IsGenericParameter)
        {
            return;
        }

        if (type.HasElementType)
        {
            Add(used, type.GetElementType());
        }
        else if (used.Add(type))
        {
            Add(used, type.GetGenericArguments());
        }
    }

    private static IEnumerable<MethodBase> MethodsOf(Type type) => [.. type.GetMethods(All), .. type.GetConstructors(All)];

    /// <summary>The types, methods and fields that the method's code names.</summary>
    private static IEnumerable<MemberInfo> MembersIn(MethodBase method)
    {
        if (method.GetMethodBody()?.GetILAsByteArray() is not { } code)
        {
            yield break;
        }

        var typeArguments = method.DeclaringType is { IsGenericType: true } type ? type.GetGenericArguments() : null;
        var methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : null;
        for (var at = 0; at < code.Length;)
        {
            var wide = code[at] == 0xFE;
            var operation = Operations[wide ? (short)(0xFE00 | code[at + 1]) : code[at]];
            at += wide ? 2 : 1;
            if (operation.OperandType is OperandType.InlineMethod or OperandType.InlineField or OperandType.InlineType or OperandType.InlineTok)
            {
                yield return method.Module.ResolveMember(BitConverter.ToInt32(code, at), typeArguments, methodArguments)!;
            }

            at += operation.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, at)),
                _ => 4,
            };
        }
    }

    private static readonly Dictionary<short, OpCode> Operations = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(operation => operation.Value);

    [GeneratedRegex(@"\.(Common|Utils?|Utilities|Helpers?|Interfaces|Services|Shared|Misc)(\.|\z)", RegexOptions.CultureInvariant)]
    private static partial Regex DrawerNamespace();

    [GeneratedRegex(@"(Helpers?|Utils?|Utility|Utilities|Manager|Common|Service)(`\d+)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex DrawerType();

    private static class Probe
    {
        internal static string Look() => new UriBuilder("http", "localhost").Host + string.Join(",", new List<Version>());
    }
}
